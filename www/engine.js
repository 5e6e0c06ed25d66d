// The worker in which the engine runs: the same program as the page, which sees that it has no page.
//
// Nothing that the page does, draws or waits for holds up what is sent to the servers here.

self.onmessage = async ({ data: { script, module } }) => {
  self.onmessage = null;
  const { default: init } = await import(script);
  await init({ module_or_path: module });
};
