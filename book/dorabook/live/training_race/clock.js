// What makes a race go on: a clock that asks for steps while it runs, and stands still while nobody can see it.

const LONGEST = 100; // ms that count between two frames: a page that was away does not catch up
const JUMP = 600; // ms between two changes for a reader who asked for less motion

/**
 * onsteps(count) is called while the clock runs, at most once a frame; `watched` is the node that must be on screen.
 * Returns { start, stop, running(), speed(stepsASecond), end }.
 */
export function clock({ onsteps, watched }) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let frame = 0, before = 0, waiting = 0, pace = 0, seen = true;

  const observer = window.IntersectionObserver && new IntersectionObserver((entries) => { seen = entries.at(-1).isIntersecting; });
  observer?.observe(watched);

  function tick(now) {
    frame = requestAnimationFrame(tick);
    if (seen && !document.hidden) waiting += (pace * Math.min(LONGEST, now - before)) / 1000;
    before = now;
    if (waiting < (still.matches ? (pace * JUMP) / 1000 : 1)) return;
    const count = Math.floor(waiting);
    waiting -= count;
    onsteps(count);
  }

  function stop() {
    cancelAnimationFrame(frame);
    frame = 0;
  }

  return {
    start() {
      if (frame) return;
      before = performance.now();
      waiting = 0;
      frame = requestAnimationFrame(tick);
    },
    stop,
    running: () => frame !== 0,
    speed(stepsASecond) { pace = stepsASecond; },
    end() {
      stop();
      observer?.disconnect();
    },
  };
}
