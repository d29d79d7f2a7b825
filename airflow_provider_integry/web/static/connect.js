// What makes the public pages more comfortable; everything but the message to an opener works without it.
(() => {
  "use strict";
  // Somebody who uses a keyboard or a screen reader begins with what went wrong.
  const wrong = document.querySelector("[data-focus]");
  if (wrong) wrong.focus();

  // What is typed can be looked at before it is sent.
  for (const input of document.querySelectorAll('input[type="password"]')) {
    const button = document.createElement("button");
    const label = document.querySelector(`label[for="${CSS.escape(input.id)}"]`);
    button.type = "button";
    button.className = "button peek";
    const tell = () => {
      const isHidden = input.type === "password";
      button.textContent = isHidden ? "Show" : "Hide";
      button.setAttribute("aria-label", `${button.textContent} ${label ? label.firstChild.textContent.trim() : "it"}`);
    };
    button.addEventListener("click", () => {
      input.type = input.type === "password" ? "text" : "password";
      tell();
    });
    // Browsers offer to remember what is sent as text.
    if (input.form) input.form.addEventListener("submit", () => (input.type = "password"));
    tell();
    const box = document.createElement("span");
    box.className = "peekable";
    input.replaceWith(box);
    box.append(input, button);
  }

  // A form is sent once, also by people who click twice.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });

  // What came from a login goes on by itself.
  const going = document.querySelector("form[data-go]");
  if (going) going.requestSubmit();

  // The page that opened this window is told what came of it, if it is the one that was meant to be told.
  const main = document.querySelector("main[data-message]");
  if (!main) return;
  if (window.opener && main.dataset.origin) {
    window.opener.postMessage(JSON.parse(main.dataset.message), main.dataset.origin);
    if (!main.dataset.return) window.close();
  }
  if (main.dataset.return) location.replace(main.dataset.return);
})();
