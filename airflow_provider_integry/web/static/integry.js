/*! integry.js: connected accounts of a host application's end users. Apache-2.0. */
(() => {
  "use strict";
  const script = document.currentScript;
  const TIMEOUT_MS = 30000;
  const MAX_PAGES = 1000;

  /** What went wrong: `code` is for programs, `message` for people, `problem` the API's own answer. */
  class IntegryError extends Error {
    constructor(code, message, more) {
      super(message);
      this.name = "IntegryError";
      this.code = code;
      Object.assign(this, { status: 0, reason: null, field: null, problem: null }, more);
    }
  }

  const wait = (ms, signal) => new Promise((resolve, reject) => {
    if (signal && signal.aborted) return reject(aborted());
    const timer = setTimeout(resolve, ms);
    if (signal) signal.addEventListener("abort", () => (clearTimeout(timer), reject(aborted())), { once: true });
  });
  const aborted = () => new IntegryError("aborted", "It was given up before it ended.");

  const baseOf = (url) => {
    const own = script && script.src ? script.src.replace(/\/static\/[^/]*$/, "") : "";
    const text = String(url || own).split(/[?#]/)[0].replace(/\/+$/, "");
    if (!/^https?:\/\/[^/]/.test(text)) throw new IntegryError("options", "Option url must be the address of Airflow.");
    return /\/integry\/public$/.test(text) ? text : `${text}/integry/public`;
  };

  const encode = (text, name) => {
    if (typeof text !== "string" || !text) throw new IntegryError("options", `Option ${name} must be a text.`);
    try {
      return encodeURIComponent(text);
    } catch (error) {
      throw new IntegryError("options", `Option ${name} holds half a character.`);
    }
  };

  /** How the page proves for whom it asks; the session of a token is kept in this function alone. */
  const buildIdentity = (base, options) => {
    const appKey = encode(options.appKey, "appKey");
    const userId = encode(options.userId, "userId");
    if (options.hash) {
      const headers = {
        "X-Integry-App-Key": appKey, "X-Integry-User-Id": userId, "X-Integry-User-Hash": encode(options.hash, "hash"),
      };
      return () => Promise.resolve(headers);
    }
    if (!options.token) throw new IntegryError("options", "Give option hash or option token: your server makes both.");
    const readToken = typeof options.token === "function" ? options.token : null;
    let token = readToken ? null : options.token;
    let opening = null;
    const open = async () => {
      const given = readToken ? await readToken() : token;
      // A token is good for one request.
      token = null;
      if (!given) throw new IntegryError("session_ended", "Load the page again, or give a function as option token.");
      const answer = await send(`${base}/v1/sessions`, "POST", { Authorization: `Bearer ${given}` }, {});
      if (answer.end_user !== options.userId) {
        throw new IntegryError("other_user", "The token is not of the user in option userId.");
      }
      return { text: answer.session, until: Date.now() + Math.max(answer.expires_in_s - 60, 1) * 1000 };
    };
    const current = async (isRefused) => {
      let session = opening && (await opening.catch(() => null));
      if (!session || isRefused || Date.now() >= session.until) {
        opening = open();
        session = await opening;
      }
      return { Authorization: `Bearer ${session.text}` };
    };
    return current;
  };

  const readProblem = async (answer) => {
    try {
      return await answer.json();
    } catch (error) {
      return {};
    }
  };

  /** Send one request without cookies; read what comes back, or throw what it says is wrong. */
  const send = async (url, method, headers, body, tries = 3) => {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
    let answer;
    try {
      answer = await fetch(url, {
        method, mode: "cors", credentials: "omit", cache: "no-store", redirect: "error", referrerPolicy: "no-referrer",
        headers: body === undefined ? headers : Object.assign({ "Content-Type": "application/json" }, headers),
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: stop.signal,
      });
      if (answer.status === 204) return null;
      if (answer.ok) return await answer.json();
    } catch (error) {
      const advice = "Airflow does not answer, or does not know this page: see allowed_origins of the workspace.";
      throw new IntegryError("unreachable", advice);
    } finally {
      clearTimeout(timer);
    }
    const pause = Number(answer.headers.get("Retry-After"));
    if ((answer.status === 429 || answer.status === 503) && tries > 1 && pause <= 5) {
      await wait(Math.max(pause, 0.5) * 1000);
      return send(url, method, headers, body, tries - 1);
    }
    const problem = await readProblem(answer);
    const code = String(problem.type || "").split(":").pop().replace(/-/g, "_") || "failed";
    throw new IntegryError(code, problem.detail || `Airflow answered with status ${answer.status}.`, {
      status: answer.status, reason: problem.reason || null, field: problem.field || null, problem,
    });
  };

  const openPopup = (options) => {
    const width = options.width || 520;
    const height = options.height || 720;
    const left = Math.max(0, window.screenX + (window.outerWidth - width) / 2);
    const top = Math.max(0, window.screenY + (window.outerHeight - height) / 2);
    // At once: browsers allow windows only while they handle a click.
    const popup = window.open("", "integry-connect", `popup,width=${width},height=${height},left=${left},top=${top}`);
    if (!popup) {
      const advice = "The browser has blocked the window. Call connect() in the handler of a click, or use {redirect: true}.";
      throw new IntegryError("popup_blocked", advice);
    }
    return popup;
  };

  const ENDS = {
    denied: "Access was not given.",
    failed: "It could not be connected.",
    expired: "The link has expired before it was used.",
    revoked: "The link was taken back.",
  };

  /** Wait for what becomes of a link: the popup tells it, and the API is asked where it cannot. */
  const watch = (link, origin, popup, ask, signal) => new Promise((resolve, reject) => {
    const stop = new AbortController();
    const finish = (settle, value) => {
      stop.abort();
      window.removeEventListener("message", hear);
      settle(value);
    };
    const take = (told) => {
      if (told.status === "connected" || (told.status === "held" && told.code)) finish(resolve, told);
      else if (ENDS[told.status]) finish(reject, new IntegryError(told.status, told.message || ENDS[told.status]));
    };
    const hear = (event) => {
      const told = event.data;
      if (event.origin !== origin || !told || told.type !== "integry.connect" || told.link !== link.id) return;
      take(told);
    };
    const look = async () => {
      for (let count = 0; ; count += 1) {
        await wait(count < 30 ? 2000 : 5000, stop.signal);
        // A page of the service may have cut the tie to the window, which then looks closed too.
        const isClosed = popup.closed;
        const told = await ask().catch((error) => {
          if (error.status === 404 || error.status === 401) throw error;
          return { status: "unknown" };
        });
        take(told);
        if (isClosed && told.status === "open") {
          finish(reject, new IntegryError("closed", "The window was closed before anything was connected."));
        }
      }
    };
    window.addEventListener("message", hear);
    if (signal) signal.addEventListener("abort", () => finish(reject, aborted()), { once: true });
    look().catch((error) => finish(reject, error));
  });

  /**
   * The connected accounts of one end user.
   *
   * Options: url (of Airflow; empty: where this script comes from), appKey, userId, hash or token (a text that is
   * good once, or a function that returns a new one), xIntegryConfig: {appAuth: {apiKey, authId, extras}}.
   */
  class IntegryJS {
    constructor(options) {
      const given = options || {};
      const base = baseOf(given.url);
      const identify = buildIdentity(base, given);
      const call = async (method, path, body) => {
        const headers = await identify(false);
        try {
          return await send(`${base}/v1${path}`, method, headers, body);
        } catch (error) {
          if (error.status !== 401 || given.hash) throw error;
          // The session has ended before its time.
          return send(`${base}/v1${path}`, method, await identify(true), body);
        }
      };
      const appAuth = (given.xIntegryConfig || {}).appAuth;
      // The credential goes from the page to Airflow in one request, and is kept nowhere here.
      const ready = appAuth && appAuth.apiKey ? call("POST", "/accounts", {
        app_auth: { api_key: appAuth.apiKey, auth_id: appAuth.authId || null, extras: appAuth.extras || {} },
      }) : Promise.resolve(null);
      // Whoever does not ask for it is not disturbed by it.
      ready.catch(() => {});
      const connecting = new Map();
      Object.defineProperties(this, {
        ready: { value: ready, enumerable: true },
        _base: { value: base },
        _call: { value: call },
        _connecting: { value: connecting },
      });
    }

    /** The apps that may be connected. */
    async apps() {
      return (await this._call("GET", "/apps")).apps;
    }

    /** The user's connected accounts, of one app or of all. */
    async accounts(connId) {
      await this.ready.catch(() => {});
      const found = [];
      let after = null;
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const query = new URLSearchParams(connId ? { conn_id: connId } : {});
        if (after) query.set("after", after);
        const answer = await this._call("GET", `/accounts?${query}`);
        found.push(...answer.accounts);
        after = answer.next;
        if (!after) break;
      }
      return found;
    }

    /**
     * Let the user connect an account; resolves with it. To be called in the handler of a click.
     *
     * Options: account, returnUrl, redirect (leave this page instead of opening a window), signal, width, height.
     */
    async connect(connId, options) {
      const given = options || {};
      const popup = given.redirect ? null : openPopup(given);
      const earlier = this._connecting.get(connId);
      if (earlier) earlier.abort();
      const stop = new AbortController();
      if (given.signal) given.signal.addEventListener("abort", () => stop.abort(), { once: true });
      this._connecting.set(connId, stop);
      try {
        const link = await this._call("POST", "/links", {
          conn_id: connId, account: given.account || null, return_url: given.returnUrl || null,
          origin: popup ? location.origin : null,
        });
        if (!link.url.startsWith(`${this._base}/`)) throw new IntegryError("options", "Option url is not Airflow's.");
        if (!popup) {
          location.assign(link.url);
          return await new Promise(() => {});
        }
        popup.location.replace(link.url);
        const ask = () => this._call("GET", `/links/${encodeURIComponent(link.id)}`);
        const told = await watch(link, new URL(this._base).origin, popup, ask, stop.signal);
        if (told.code) return await this._call("POST", "/links/redeem", { code: told.code });
        return await this._call("GET", `/accounts/${encodeURIComponent(told.connected_account_id)}`);
      } finally {
        if (this._connecting.get(connId) === stop) this._connecting.delete(connId);
        if (popup && !popup.closed) popup.close();
      }
    }

    /** Ask the service whether an account still works. */
    test(id) {
      return this._call("POST", `/accounts/${encodeURIComponent(id)}/test`, {});
    }

    /** Let calls that name no account use this one. */
    makeDefault(id) {
      return this._call("POST", `/accounts/${encodeURIComponent(id)}/default`, {});
    }

    /** Forget an account, and take its access back where the service can do that. */
    disconnect(id) {
      return this._call("DELETE", `/accounts/${encodeURIComponent(id)}`);
    }
  }

  IntegryJS.Error = IntegryError;
  window.IntegryJS = IntegryJS;
})();
