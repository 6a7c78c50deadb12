// What x(W + AB) and xW + xAB cost, and that both give the same numbers.

export const MOST = 4096;
export const SMALL = { rows: 3, in_features: 4, out_features: 3, rank: 2 }; // shapes whose numbers are written out
const SEEDS = { x: 3, W: 4, A: 0, B: 1 };

export const product = ([, [a, b, c]]) => a * b * c;
const total = (road) => road.reduce((sum, step) => sum + product(step), 0);

/** Multiplications of each product as [what, factors] and in all; numbers held by A and B, and by W. */
export function cost({ rows, in_features, out_features, rank }) {
  const formed = [["A · B", [in_features, rank, out_features]], ["x · (W + AB)", [rows, in_features, out_features]]];
  const split = [["x · W", [rows, in_features, out_features]], ["x · A", [rows, in_features, rank]], ["xA · B", [rows, rank, out_features]]];
  const weights = in_features * out_features;
  return {
    formed, split, formedTotal: total(formed), splitTotal: total(split),
    parameters: rank * (in_features + out_features), weights, breakEven: weights / (in_features + out_features),
  };
}

/** The two roads on whole numbers, with shapes no larger than SMALL and none larger than the state's. */
export function example(state) {
  const [rows, into, out, rank] = Object.entries(SMALL).map(([name, most]) => Math.min(most, state[name]));
  const x = draw(rows, into, SEEDS.x), W = draw(into, out, SEEDS.W), A = draw(into, rank, SEEDS.A), B = draw(rank, out, SEEDS.B);
  const adapted = add(W, times(A, B)), xW = times(x, W), xAB = times(times(x, A), B);
  return { x, W, A, B, "W + AB": adapted, "x(W + AB)": times(x, adapted), xW, xAB, "xW + xAB": add(xW, xAB) };
}

/** The largest between an entry that came by one road and the same entry by the other. */
export function difference(numbers) {
  const other = numbers["xW + xAB"];
  return Math.max(...numbers["x(W + AB)"].flatMap((row, i) => row.map((value, j) => Math.abs(value - other[i][j]))));
}

const table = (height, width, entry) => Array.from({ length: height }, (_, i) => Array.from({ length: width }, (__, j) => entry(i, j)));
const draw = (height, width, seed) => table(height, width, (i, j) => ((seed + 5 * i + 3 * j + 2 * i * j + i * i) % 5) - 2);
const times = (left, right) => table(left.length, right[0].length, (i, j) => left[i].reduce((sum, value, k) => sum + value * right[k][j], 0));
const add = (left, right) => table(left.length, left[0].length, (i, j) => left[i][j] + right[i][j]);
