// The reader's own files, read where they are: in pieces, in turns with the page's frames, until done or cancelled.

const TURN = 8; // ms of work before the page may draw and answer
const LEAST = 1 << 16; // bytes of one read: ten thousand small tensors are not ten thousand reads

/** A chosen File as a source for checkpoint/safetensors.js. */
export function sourceOf(file) {
  return { name: file.name, size: file.size, file };
}

/**
 * Runs a generator of checkpoint/safetensors.js over files. Promises what it returns, or null once `cancelled()`.
 * `progress(bytes)` follows what has been read so far; `unreadable(name)` is the sentence for a file that cannot be read on.
 */
export async function inTurns(program, { cancelled, progress, unreadable }) {
  let read = 0, since = performance.now(), given;
  for (;;) {
    const { done, value } = program.next(given);
    if (done) return value;
    given = null;
    if (value) {
      try {
        given = await bytes(value, (count) => progress((read += count)));
      } catch {
        throw unreadable(value.source.name);
      }
      since = performance.now(); // waiting for the disk was the page's own time
    }
    if (performance.now() - since >= TURN) {
      await turn();
      since = performance.now();
    }
    if (cancelled()) return null;
  }
}

/** The bytes asked for, out of the block that was read last where they are in it. */
async function bytes({ source, start, end }, count) {
  const { block } = source;
  if (!block || start < block.start || end > block.end) {
    const stop = Math.min(source.size, Math.max(end, start + LEAST));
    const all = new Uint8Array(await source.file.slice(start, stop).arrayBuffer());
    if (all.length !== stop - start) throw new Error("shorter than it was");
    source.block = { start, end: stop, all };
    count(all.length);
  }
  return source.block.all.subarray(start - source.block.start, end - source.block.start);
}

/** Resolves after whatever the page had waiting: a message is not held back as a timer of 0 ms is. */
function turn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
