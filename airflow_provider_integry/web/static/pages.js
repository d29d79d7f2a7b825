// What makes our pages more comfortable; everything works without it.
(() => {
  "use strict";
  const isFramed = window.parent !== window;

  // Airflow shows the list in a frame that may open no windows. A link of the outer page may.
  const leave = (event) => {
    const link = event.target.closest("a[data-leaves]");
    if (!link || !isFramed || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    let outer;
    try {
      outer = window.parent.document.createElement("a");
    } catch {
      return;
    }
    event.preventDefault();
    outer.href = link.href;
    outer.target = "_blank";
    outer.rel = "noopener";
    window.parent.document.body.append(outer);
    outer.click();
    outer.remove();
  };

  const copy = async (button) => {
    const text = new URL(button.dataset.copies, location.href).href;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without TLS there is no clipboard, and the old way is left.
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "hidden";
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.classList.add("done");
    const said = document.createElement("span");
    said.className = "hidden";
    said.setAttribute("role", "status");
    said.textContent = "Link copied";
    button.append(said);
    setTimeout(() => {
      button.classList.remove("done");
      said.remove();
    }, 2000);
  };

  const reveal = () => {
    for (const button of document.querySelectorAll("[data-copies][hidden]")) button.hidden = false;
  };

  document.addEventListener("click", (event) => {
    leave(event);
    const button = event.target.closest("[data-copies]");
    if (button) copy(button);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });
  // Somebody may have been quicker than this script.
  for (const select of document.querySelectorAll("select[data-submits]")) {
    const shown = [...select.options].findIndex((option) => option.defaultSelected);
    if (select.selectedIndex !== Math.max(shown, 0)) select.form.requestSubmit();
  }
  reveal();

  // The list is read anew when something has changed in another window, or after a while elsewhere.
  const live = document.querySelector("[data-live]");
  let loadedAt = Date.now();
  let isLoading = false;
  const refresh = async () => {
    if (isLoading || live.contains(document.activeElement) && document.activeElement.matches("input, select")) return;
    isLoading = true;
    loadedAt = Date.now();
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", headers: { Accept: "text/html" } });
      if (!answer.ok) return;
      const text = await answer.text();
      const fresh = new DOMParser().parseFromString(text, "text/html").getElementById(live.id);
      if (!fresh) return;
      const focused = [...live.querySelectorAll("a, button, summary")].indexOf(document.activeElement);
      live.replaceChildren(...fresh.childNodes);
      reveal();
      if (focused >= 0) live.querySelectorAll("a, button, summary")[focused]?.focus();
    } catch {
      // The next occasion comes.
    } finally {
      isLoading = false;
    }
  };
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("integry") : null;
  if (live) {
    if (channel) channel.onmessage = refresh;
    const look = () => document.visibilityState === "visible" && Date.now() - loadedAt > 5000 && refresh();
    window.addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
  }
  if (channel && document.querySelector("[data-announces]")) channel.postMessage("changed");
})();
