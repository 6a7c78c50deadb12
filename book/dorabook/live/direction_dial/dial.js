// One row of a weight as an arrow in two dimensions: what the update, the magnitude and the gradient do to it.
// Vectors are [x, y].

export const plus = (a, b, scale = 1) => [a[0] + scale * b[0], a[1] + scale * b[1]];
const times = (a, scale) => [a[0] * scale, a[1] * scale];
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1];
export const length = (a) => Math.hypot(a[0], a[1]);

/**
 * state: weight W, update sBA and target as [x, y]; amount of the update; magnitude m; norm "in graph" or "detached".
 * The loss is half the squared distance of the merged row to the target, so the pull, minus its gradient, leads there.
 * Returns direction null where W + amount * sBA is 0 and has none.
 * Source: DoRA, equations 5, 6, 7 and 11.
 */
export function dial({ weight, update, amount, magnitude, target, norm }) {
  const moved = times(update, amount);
  const adapted = plus(weight, moved);
  const size = length(adapted);
  const start = length(weight);
  if (size < 1e-9 || start < 1e-9) return { moved, adapted, size, start, direction: null };
  const direction = times(adapted, 1 / size);
  const merged = times(direction, magnitude);
  const pull = plus(target, merged, -1);
  const along = dot(pull, direction);
  const kept = norm === "in graph" ? plus(pull, direction, -along) : pull;
  const push = times(kept, magnitude / size);
  return {
    moved, adapted, size, start, direction, merged, pull, along, push,
    foot: times(direction, dot(target, direction)), // the nearest to the target that m alone can bring the row
    turn: (Math.atan2(weight[0] * adapted[1] - weight[1] * adapted[0], dot(weight, adapted)) * 180) / Math.PI,
    pushAlong: dot(push, direction),
  };
}
