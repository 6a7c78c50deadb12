// Stands in for Colab's widget manager: @jupyter-widgets/html-manager, of the generation that Colab's is built on, behind the same
// two functions. What it does not have, since it shows stored widgets, is a kernel.

const [{ HTMLManager }, { requireLoader }] = await new Promise((resolve, reject) => {
  requirejs(
    ["@jupyter-widgets/html-manager", "@jupyter-widgets/html-manager/dist/libembed-amd"],
    (...modules) => resolve(modules),
    reject,
  );
});

/** A channel as a widget's model uses it. */
const classic = (id, comm) => ({
  comm_id: id,
  on_close() {},
  close() {},
  async on_msg(heard) {
    for await (const { data, buffers } of comm.messages) {
      heard({ content: { comm_id: id, data }, buffers: buffers.map((buffer) => new DataView(buffer)) });
    }
  },
  send(data, callbacks, metadata, buffers) {
    const sent = comm.send(JSON.parse(JSON.stringify(data)), { buffers });
    sent.then(() => callbacks?.iopub?.status?.({ content: { execution_state: "idle" } }));
  },
});

class Manager extends HTMLManager {
  #models = new Map();

  constructor(environment) {
    super({ loader: requireLoader });
    this.environment = environment;
  }

  get_model(id) {
    if (!this.#models.has(id)) this.#models.set(id, this.#made(id));
    return this.#models.get(id);
  }

  async #made(id) {
    const { modelName, modelModule, modelModuleVersion, state, comm } = await this.environment.getModelState(id);
    const names = { model_name: modelName, model_module: modelModule, model_module_version: modelModuleVersion };
    return this.new_model({ ...names, model_id: id, comm: classic(id, comm) }, state);
  }

  async render(id, element) {
    await this.display_view(this.create_view(await this.get_model(id)), element);
  }
}

export const createWidgetManager = (environment) => new Manager(environment);
