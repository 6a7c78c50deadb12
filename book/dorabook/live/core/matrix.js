// A matrix is { rows, columns, data }: data is a Float64Array, row after row.

export function matrix(rows, columns, data = new Float64Array(rows * columns)) {
  return { rows, columns, data };
}

/** From what a model holds: nested rows, or { shape, data } with raw float64 for a large one. Shares memory with it. */
export function fromModel(value) {
  if (Array.isArray(value)) return fromRows(value);
  const { buffer, byteOffset, byteLength } = value.data;
  const raw = byteOffset % 8 === 0 ? new Float64Array(buffer, byteOffset, byteLength / 8) : new Float64Array(buffer.slice(byteOffset, byteOffset + byteLength));
  return matrix(value.shape[0], value.shape[1], raw);
}

function fromRows(rows) {
  const out = matrix(rows.length, rows[0].length);
  rows.forEach((row, i) => out.data.set(row, i * out.columns));
  return out;
}

/** What a model holds, with one entry changed; the value that was there before stays as it is. */
export function withEntry(value, i, j, entry) {
  if (Array.isArray(value)) return value.map((row, at) => (at === i ? row.map((old, column) => (column === j ? entry : old)) : row));
  const changed = copy(fromModel(value));
  changed.data[i * changed.columns + j] = entry;
  return toModel(changed, value);
}

/** The inverse of fromModel, in the form that `like` has. Shares memory with `m`. */
export function toModel(m, like) {
  if (!Array.isArray(like)) return { shape: [m.rows, m.columns], data: new DataView(m.data.buffer) };
  return Array.from({ length: m.rows }, (_, i) => Array.from(m.data.subarray(i * m.columns, (i + 1) * m.columns)));
}

export function copy(m) {
  return matrix(m.rows, m.columns, m.data.slice());
}

/** (rows, columns) to (columns, rows). */
export function transpose(m) {
  const out = matrix(m.columns, m.rows);
  for (let i = 0; i < m.rows; i++) for (let j = 0; j < m.columns; j++) out.data[j * m.rows + i] = m.data[i * m.columns + j];
  return out;
}

/** (n, k) times (k, m) is (n, m). */
export function multiply(a, b) {
  if (a.columns !== b.rows) throw new Error(`(${a.rows}, ${a.columns}) times (${b.rows}, ${b.columns}) has no meaning`);
  const out = matrix(a.rows, b.columns);
  for (let i = 0; i < a.rows; i++)
    for (let k = 0; k < a.columns; k++) {
      const left = a.data[i * a.columns + k];
      for (let j = 0; j < b.columns; j++) out.data[i * b.columns + j] += left * b.data[k * b.columns + j];
    }
  return out;
}

/** a + scale * b, entry by entry, shapes equal. */
export function addScaled(a, b, scale) {
  if (a.rows !== b.rows || a.columns !== b.columns)
    throw new Error(`(${a.rows}, ${a.columns}) and (${b.rows}, ${b.columns}) do not add`);
  const out = matrix(a.rows, a.columns);
  for (let i = 0; i < out.data.length; i++) out.data[i] = a.data[i] + scale * b.data[i];
  return out;
}
