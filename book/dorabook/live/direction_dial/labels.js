// Where the words of DirectionDial's arrows go: each takes the first of its places where it covers nothing.

/** Places beside a shaft: the middle first, then nearer to the tip and the tail, on `side` and on the other. */
export function alongside([x, y], [ux, uy], size, side) {
  return [1 / 2, 2 / 3, 1 / 3].flatMap((part) => [side, -side].map((way) => {
    const lean = way * uy;
    return { x: x + part * size * ux + way * 12 * uy, y: y + part * size * uy - way * 12 * ux, anchor: anchor(lean) };
  }));
}

/** Places around a tip: ahead of it on `side`, then on the other, then further to the sides, then turned about. */
export function around([x, y], [ux, uy], side) {
  const sideways = [12, 26, 40].flatMap((off) => [side * off, -side * off]);
  const place = (off) => ({ x: x + 14 * ux + off * uy, y: y + 14 * uy - off * ux });
  return [
    ...sideways.map((off) => ({ ...place(off), anchor: anchor(Math.sign(off) * uy + ux) })),
    ...sideways.flatMap((off) => ["middle", "start", "end"].map((turned) => ({ ...place(off), anchor: turned }))),
  ];
}

const anchor = (lean) => (lean > 0.3 ? "start" : lean < -0.3 ? "end" : "middle");

/** labels: { width, height, places, put(place) }. taken: boxes that are not to be covered. One label after the other is put. */
export function settle(labels, taken, frame) {
  for (const { width, height, places, put } of labels) {
    const boxes = places.map(({ x, y, anchor: side }) => {
      const left = side === "start" ? x : side === "end" ? x - width : x - width / 2;
      return { left, right: left + width, top: y - height / 2, bottom: y + height / 2 };
    });
    const spoilt = boxes.map((box) => taken.reduce((all, other) => all + shared(box, other), 2 * (width * height - shared(box, frame))));
    const best = spoilt.indexOf(Math.min(...spoilt));
    taken.push(boxes[best]);
    put(places[best]);
  }
}

/** The area that two boxes share. */
function shared(one, other) {
  const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  return wide > 0 && high > 0 ? wide * high : 0;
}
