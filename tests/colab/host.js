// What Colab's page gives a widget manager: the state of a model, and a channel to the kernel for each. The kernel is a real one,
// and the test carries the messages.

const models = new Map();
const toBase64 = (buffer) => {
  const bytes = buffer.buffer ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength) : new Uint8Array(buffer);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
};
const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;

class Channel {
  #readers = [];

  constructor(id) {
    this.id = id;
  }

  get messages() {
    return new ReadableStream({ start: (reader) => this.#readers.push(reader) });
  }

  receive(data, buffers) {
    for (const reader of this.#readers) reader.enqueue({ data, buffers });
  }

  send(data, { buffers = [] } = {}) {
    return window.toKernel(this.id, data, buffers.map(toBase64));
  }

  close() {}
}

/** The kernel has made a model. */
function open(id, { state, buffer_paths: paths = [] }, buffers) {
  paths.forEach((path, at) => {
    const last = path.at(-1);
    path.slice(0, -1).reduce((node, key) => node[key], state)[last] = new DataView(fromBase64(buffers[at]));
  });
  models.set(id, { state, comm: new Channel(id) });
}

/** The kernel has sent a message to a model. */
function receive(id, data, buffers) {
  models.get(id)?.comm.receive(data, buffers.map(fromBase64));
}

const environment = {
  async getModelState(id) {
    const { state, comm } = models.get(id);
    return {
      modelName: state._model_name,
      modelModule: state._model_module,
      modelModuleVersion: state._model_module_version,
      state,
      comm,
    };
  },
};

const { createWidgetManager } = await import("./manager.js");
const manager = await createWidgetManager(environment);
window.host = { open, receive, display: (id) => manager.render(id, document.querySelector("main")) };
