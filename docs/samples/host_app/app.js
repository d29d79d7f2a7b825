// What the page of the sample does with integry.js.
const integry = new IntegryJS(JSON.parse(document.currentScript.dataset.options));
const at = (id) => document.getElementById(id);
const say = (error) => { at("problem").textContent = `${error.code}: ${error.message}`; };

const button = (text, act) => {
  const made = document.createElement("button");
  made.textContent = text;
  made.addEventListener("click", () => act().then(show, say));
  return made;
};

const row = (text, ...buttons) => {
  const made = document.createElement("li");
  made.append(`${text} `, ...buttons);
  return made;
};

const show = async () => {
  const [apps, accounts] = await Promise.all([integry.apps(), integry.accounts()]);
  // The application's own API needs no step: its credential came with the page.
  at("apps").replaceChildren(...apps.filter((app) => !app.is_host).map((app) => (
    row(app.name, button(`Connect ${app.name}`, () => integry.connect(app.conn_id)))
  )));
  at("accounts").replaceChildren(...accounts.map((one) => row(
    `${one.conn_id}: ${one.account_name || one.account_id || one.id} (${one.readiness})`,
    button("Test", () => integry.test(one.id)),
    button("Disconnect", () => integry.disconnect(one.id)),
  )));
};

integry.ready.then((account) => {
  at("silent").textContent = account ? `Connected as ${account.account_name}` : "No credential of your own";
}, say);
show().catch(say);
