"use strict";
// The owner's page. It asks the calls of the node's table, with the token that the address or the owner gives; what strangers wrote becomes
// text and never markup.

const $ = (id) => document.getElementById(id);

/** An element with its text or its children. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") element.className = value; else element.setAttribute(key, value);
  }
  element.append(...children.map((child) => child ?? ""));
  return element;
}

// MARK: Numbers and times

const grouped = (number) => number.toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
const sat = (value) => `${value < 0 ? "-" : ""}${grouped(Math.abs(value))} sat`;
/** Thousandths of a satoshi: what is less than one stands behind the point. */
function msat(value) {
  const rest = value % 1000;
  return `${grouped(Math.floor(value / 1000))}${rest ? "." + String(rest).padStart(3, "0") : ""} sat`;
}
const short = (id) => (id && id.length > 20 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id ?? "");
const moment = (text) => make("time", { datetime: text, title: text }, new Date(text).toLocaleString([], { dateStyle: "short", timeStyle: "medium" }));

// MARK: Calls

// The token stands behind the #: it is sent to no server and is in no log. It is kept until the tab is closed.
let token = sessionStorage.getItem("token") ?? "";
if (/^#lnw_[\w-]{43}$/.test(location.hash)) {
  token = location.hash.slice(1);
  sessionStorage.setItem("token", token);
  history.replaceState(null, "", location.pathname);
}

class Failure extends Error {
  constructor(status, error) {
    super(error?.message ?? "the node does not answer");
    this.status = status;
    this.code = error?.code ?? "unreachable";
  }
}

async function call(name, request = {}) {
  let response;
  try {
    response = await fetch(`v1/${name}`, {
      method: "POST", body: JSON.stringify(request), headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    });
  } catch { throw new Failure(0, null); }
  const answer = await response.json().catch(() => null);
  if (answer?.error) throw new Failure(response.status, answer.error);
  return answer;
}

function login(why) {
  $("login-failure").textContent = why ?? "";
  if (!$("login").open) $("login").showModal();
}

$("login").addEventListener("close", () => {
  token = $("token").value.trim();
  $("token").value = "";
  sessionStorage.setItem("token", token);
  begin();
});
$("other-token").addEventListener("click", () => login());

// MARK: What there is

function table(caption, head, rows, empty) {
  if (!rows.length) return make("p", { class: "quiet" }, empty);
  return make("div", { class: "scroll" }, make("table", {}, make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...head.map(([text, kind]) => make("th", { class: kind ?? "", scope: "col" }, text)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell, index) => make("td", { class: head[index][1] ?? "" }, cell)))))));
}

function show(id, ...children) { $(id).replaceChildren(...children); }

function button(text, label, action) {
  const element = make("button", { class: "link", type: "button", "aria-label": label }, text);
  element.addEventListener("click", action);
  return element;
}

const views = {
  async info() {
    const info = await call("getinfo");
    $("network").textContent = info.network;
    $("name").textContent = info.alias ?? "lnw";
    $("node").textContent = info.address ?? info.id;
    document.title = info.alias ?? `lnw ${short(info.id)}`;
    return info;
  },
  async totals() {
    const b = await call("balance");
    const values = [
      ["spendable", msat(b.spendable_msat)], ["receivable", msat(b.receivable_msat)], ["on chain", sat(b.on_chain_confirmed_sat)],
      ["unconfirmed", sat(b.on_chain_unconfirmed_sat)],
    ];
    if (b.closing_sat) values.push(["closing", sat(b.closing_sat)]);
    if (b.contested_sat) values.push(["contested", sat(b.contested_sat)]);
    show("totals", ...values.map(([name, value]) => make("div", {}, name, make("strong", {}, value))));
  },
  async channels() {
    const channels = (await call("listchannels")).filter((channel) => channel.state !== "closed");
    if (!channels.length) return show("channels", make("p", { class: "quiet" }, "No channels yet. Open one: lnw openchannel <id>@<host> <amount>"));
    show("channels", ...channels.map((channel) => {
      const capacity = channel.funding_satoshis * 1000;
      const parts = [["ours", channel.to_local_msat], ["moving", capacity - channel.to_local_msat - channel.to_remote_msat], ["theirs", channel.to_remote_msat]];
      const name = channel.short_channel_id ?? channel.alias;
      const bar = make("div", {
        class: "bar", role: "img",
        "aria-label": `${msat(channel.to_local_msat)} ours, ${msat(channel.to_remote_msat)} theirs`,
      }, ...parts.filter(([, value]) => value > 0).map(([kind, value]) => {
        const part = make("i", { class: kind });
        part.style.width = `${(100 * value) / capacity}%`;
        return part;
      }));
      return make("article", { class: channel.connected ? "channel" : "channel away" },
        make("header", {}, make("span", {}, button(name, `explain channel ${name}`, () => explainChannel(name)), " ",
          channel.peer_alias ?? short(channel.peer_id)),
        make("span", { class: "quiet" }, `${channel.state}${channel.connected ? "" : ", peer away"}${channel.num_htlcs ? `, ${channel.num_htlcs} under way` : ""}`)),
        bar, make("header", {}, make("span", {}, msat(channel.to_local_msat)), make("span", {}, msat(channel.to_remote_msat))));
    }));
  },
  async payments() {
    const list = (await call("listpayments", { limit: 12 })).payments;
    show("payments", table("Payments", [["when", "wide"], ["to"], ["amount", "number"], ["how"]], list.map((payment) => [
      moment(payment.created_at), button(payment.destination_alias ?? short(payment.destination ?? payment.payment_hash), `explain payment ${payment.payment_hash}`,
        () => explainPayment(payment.payment_hash)),
      msat(payment.amount_msat), payment.status === "succeeded" ? `paid, fee ${msat(payment.fee_msat)}` : payment.status]), "Nothing was paid yet."));
  },
  async invoices() {
    const list = (await call("listinvoices", { limit: 12 })).invoices;
    show("invoices", table("Invoices", [["when", "wide"], ["for"], ["amount", "number"], ["how"]], list.map((invoice) => [
      moment(invoice.created_at),
      invoice.keysend ? "without an invoice" : invoice.description || short(invoice.payment_hash),
      invoice.received_msat !== undefined ? msat(invoice.received_msat) : invoice.amount_msat === null ? "any" : msat(invoice.amount_msat),
      invoice.status]), "Nothing was asked for yet."));
  },
  async streams() {
    const page = await call("liststreams", { limit: 8 });
    const rows = page.streams.map((stream) => [
      `to ${stream.recipients.map((one) => one.alias ?? short(one.id)).join(", ")}`,
      `${msat(stream.rate_msat)}/${{ 1: "s", 60: "min", 3600: "h" }[stream.rate_period_s]}`, msat(stream.paid_msat), stream.status]);
    for (const stream of page.incoming.slice(0, 8)) rows.push([`from ${short(stream.tag)}`, `${grouped(stream.num_payments)} payments`, msat(stream.received_msat), "received"]);
    show("streams", table("Streams", [["stream"], ["rate"], ["paid", "number"], ["how"]], rows, "No streams."));
  },
  async earnings() {
    const report = await call("feereport");
    const totals = report.totals;
    show("earnings", make("p", {}, `${msat(totals.fees_msat)} earned with ${grouped(totals.num_forwards)} forwards of ${msat(totals.amount_msat)}; ${grouped(totals.num_failed)} came back.`),
      table("Earnings", [["channel"], ["forwards", "number"], ["earned", "number"]],
        report.channels.map((channel) => [channel.short_channel_id, grouped(channel.num_forwards), msat(channel.fees_msat)]), "No channels."));
  },
  async map() { drawMap(await call("graph")); },
  async chain() {
    const [info, page, rates] = [await call("getinfo"), await call("listtransactions", { limit: 8 }), await call("feerates")];
    // 250 for a thousand units of weight are one for a virtual byte.
    const rate = (value) => `${(value / 250).toFixed(2)} sat/vB`;
    show("chain", make("p", {}, `Block ${grouped(info.blockheight)}. A transaction that is to be mined within 2 blocks takes ${rate(rates.urgent_sat_kw)}, within an hour ${rate(rates.hour_sat_kw)}, within a day ${rate(rates.day_sat_kw)}.`), table("Transactions", [["transaction"], ["for"], ["amount", "number"], ["fee", "number wide"], ["confirmations", "number wide"]],
      page.transactions.map((one) => [make("span", { class: "mono", title: one.txid }, short(one.txid)), one.purpose.replaceAll("_", " "), sat(one.amount_sat),
        one.fee_sat === null ? "" : sat(one.fee_sat), grouped(one.confirmations)]), "No transactions yet."));
  },
};

/** What is to be looked at again, at most once in half a second. */
const stale = new Set();
let timer = null;
function refresh(...names) {
  names.forEach((name) => stale.add(name));
  timer ??= setTimeout(async () => {
    timer = null;
    const wanted = [...stale];
    stale.clear();
    for (const name of wanted) {
      try { await views[name](); } catch (failure) { if (failure.status !== 403) $("line").textContent = failure.message; }
    }
  }, 500);
}

// MARK: The map

function drawMap(graph) {
  const svg = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  // Of a large network its best connected nodes.
  const nodes = [...graph.nodes].sort((one, two) => two.is_self - one.is_self || two.num_channels - one.num_channels).slice(0, 40);
  if (!graph.channels.length) return show("map", make("p", { class: "quiet" }, "No public channels are known."));
  // Drawn for the room that there is, so that names keep their size.
  const width = Math.max(280, Math.min(700, $("map").clientWidth || 700));
  const height = Math.round(width * (nodes.length > 12 ? 0.8 : 0.55));
  const place = new Map(nodes.map((node, index) => {
    const angle = (2 * Math.PI * index) / nodes.length - Math.PI / 2;
    return [node.id, { node, x: width / 2 + (width / 2 - 90) * Math.cos(angle), y: height / 2 + (height / 2 - 40) * Math.sin(angle) }];
  }));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${graph.nodes.length} nodes, ${graph.channels.length} channels` });
  const most = Math.max(...graph.channels.map((channel) => channel.capacity_sat), 1);
  for (const channel of graph.channels) {
    const [one, two] = [place.get(channel.node_id_1), place.get(channel.node_id_2)];
    if (!one || !two) continue;
    const line = svg("line", { x1: one.x, y1: one.y, x2: two.x, y2: two.y, "stroke-width": 1 + 4 * (channel.capacity_sat / most) });
    const title = svg("title", {});
    title.textContent = `${channel.short_channel_id}: ${sat(channel.capacity_sat)}`;
    line.append(title);
    picture.append(line);
  }
  for (const { node, x, y } of place.values()) {
    picture.append(svg("circle", { cx: x, cy: y, r: node.is_self ? 9 : 6, class: node.is_self ? "self" : "" }));
    const text = svg("text", { x, y: y < height / 2 ? y - 12 : y + 22, "text-anchor": "middle" });
    text.textContent = (node.alias ?? short(node.id)).slice(0, 16);
    picture.append(text);
  }
  const rest = graph.nodes.length - nodes.length;
  show("map", picture, make("p", { class: "quiet" }, rest > 0 ? `${grouped(rest)} nodes more are not drawn.` : ""));
}

// MARK: Stories

async function explain(title, name, request, tell) {
  $("story-title").textContent = title;
  show("story-text", make("p", {}, "…"));
  $("story").showModal();
  try { show("story-text", ...tell(await call(name, request))); } catch (failure) { show("story-text", make("p", { class: "failure" }, failure.message)); }
}

function explainPayment(hash) {
  explain(`Payment ${short(hash)}`, "explain", { payment: hash }, (story) => [
    make("p", {}, `${story.status}: ${msat(story.amount_msat)} to ${story.destination_alias ?? short(story.destination)}, fee ${msat(story.fee_msat)} of at most ${msat(story.max_fee_msat)}${story.failure ? `: ${story.failure}` : ""}`),
    table("Attempts", [["way"], ["amount", "number"], ["fee", "number"], ["took", "number"], ["how"]], story.attempts.map((attempt) => [
      attempt.hops.map((hop) => hop.alias ?? short(hop.id)).join(" → "), msat(attempt.amount_msat), msat(attempt.fee_msat),
      attempt.duration_ms === null ? "" : `${attempt.duration_ms} ms`,
      attempt.failure ? `${attempt.failure}${attempt.failed_hop != null ? ` at hop ${attempt.failed_hop + 1}` : ""}` : attempt.status]), "No way was tried."),
  ]);
}

function explainChannel(name) {
  explain(`Channel ${name}`, "explainchannel", { channel: name }, (story) => {
    const lines = [`${story.state}: ${sat(story.capacity_sat)} with ${short(story.peer_id)}, opened by ${story.opened_by_us ? "us" : "the peer"}${story.funding_height ? ` in block ${grouped(story.funding_height)}` : ""}`];
    if (story.reason) lines.push(`why: ${story.reason}`);
    if (story.close_kind) lines.push(`${story.close_kind}, block ${grouped(story.close_height)}; fee ${story.close_fee_sat === null ? "unknown" : sat(story.close_fee_sat)}, claims ${sat(story.claim_fees_sat)}; came back ${sat(story.claimed_sat)}`);
    return [...lines.map((line) => make("p", {}, line)), ...(story.events ? [table("Outputs", [["output"], ["amount", "number"], ["what"]],
      story.events.map((event) => [event.role, sat(event.amount_sat), `${event.what}${event.height ? ` in block ${grouped(event.height)}` : ""}`]), "")] : [])];
  });
}

// MARK: Events

const texts = {
  payment_received: (e) => `received ${msat(e.received_msat)}${e.description ? ` for ${e.description}` : ""}`,
  payment_held: (e) => `${msat(e.received_msat)} are held`,
  payment_succeeded: (e) => `paid ${msat(e.amount_msat)}${e.destination ? ` to ${short(e.destination)}` : ""}, fee ${msat(e.fee_msat)}`,
  payment_failed: (e) => `not paid ${msat(e.amount_msat)}: ${e.failure}`,
  stream_paid: (e) => (e.failure ? `stream ${e.stream}: ${msat(e.amount_msat)} not paid` : `stream ${e.stream}: paid ${msat(e.amount_msat)}`),
  stream_over: (e) => `stream ${e.stream} is over: ${msat(e.paid_msat)} paid`,
  forwarded: (e) => (e.status === "settled" ? `forwarded ${msat(e.out_msat)}, earned ${msat(e.fee_msat)}` : null),
  channel_opening: (e) => `channel ${short(e.channel_id)} is being opened`,
  channel_usable: (e) => `channel ${short(e.channel_id)} can be used`,
  channel_announced: (e) => `channel ${e.short_channel_id} is public`,
  channel_closing: (e) => `channel ${short(e.channel_id)} is being closed: ${e.close_kind}`,
  channel_closed: (e) => `channel ${short(e.channel_id)} is closed`,
  peer_connected: (e) => `connected to ${short(e.id)}`,
  peer_disconnected: (e) => `disconnected from ${short(e.id)}`,
  publication_refused: (e) => `layer 1 refuses ${short(e.txid)}: ${e.reason}`,
  block: (e) => `block ${grouped(e.blockheight)}`,
  alert: (e) => e.text,
};

function tell(event) {
  const text = texts[event.event]?.(event);
  if (!text) return;
  $("live").prepend(make("li", { class: event.event === "alert" ? "alert" : "" }, moment(event.time), text));
  while ($("live").children.length > 100) $("live").lastChild.remove();
}

function happened(event) {
  tell(event);
  const kind = event.event;
  if (kind === "block") refresh("chain", "totals", "channels");
  else if (kind.startsWith("payment") || kind.startsWith("stream")) refresh("totals", "channels", "payments", "invoices", "streams");
  else if (kind.startsWith("forward")) refresh("totals", "channels", "earnings");
  else refresh("totals", "channels", "map", "chain");
  if (invoice && kind.startsWith("payment_received") && event.payment_hash === invoice) paid(event);
}

/** Server-sent events, read by hand: EventSource cannot send a token. */
let following = null;
async function follow() {
  following?.abort();
  const mine = (following = new AbortController());
  let last = null;
  while (!mine.signal.aborted) {
    try {
      const headers = { authorization: `Bearer ${token}`, accept: "text/event-stream" };
      if (last) headers["last-event-id"] = last;
      const response = await fetch("v1/events", { headers, signal: mine.signal });
      if (response.status === 401) return login("That token is not valid any more.");
      if (!response.ok) throw new Error();
      $("line").textContent = "";
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) {
          const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
          if (fields.id) last = fields.id;
          if (fields.event === "missed") refresh(...Object.keys(views));
          else if (fields.data) happened(JSON.parse(fields.data));
        }
      }
    } catch { if (mine.signal.aborted) return; }
    $("line").textContent = "The node does not answer. Trying again …";
    await new Promise((resolve) => setTimeout(resolve, 2000));
    // What happened meanwhile is in the lists.
    refresh(...Object.keys(views));
  }
}

// MARK: Receiving and paying

let invoice = null;

function paid(event) {
  $("invoice").classList.add("paid");
  $("invoice-state").textContent = `✓ paid ${msat(event.received_msat)}`;
}

/** Sends a form once, and says what went wrong. */
function onSubmit(form, action) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button[type=submit]");
    const failure = form.querySelector(".failure");
    failure.textContent = "";
    button.disabled = true;
    try { await action(new FormData(form)); } catch (error) { failure.textContent = error.message; } finally { button.disabled = false; }
  });
}

onSubmit($("receive"), async (data) => {
  // The old code is not taken for the new one.
  $("invoice").hidden = true;
  const request = { description: data.get("description") };
  if (data.get("sat")) request.amount_msat = Number(data.get("sat")) * 1000;
  const made = await call("invoice", request);
  invoice = made.payment_hash;
  $("invoice").hidden = false;
  $("invoice").classList.remove("paid");
  $("invoice-state").textContent = `waiting for ${made.amount_msat === null ? "any amount" : msat(made.amount_msat)}`;
  $("bolt11").value = made.bolt11;
  const response = await fetch(`qr.svg?text=${encodeURIComponent(made.bolt11.toUpperCase())}`, { headers: { authorization: `Bearer ${token}` } });
  if (response.ok) {
    const picture = new DOMParser().parseFromString(await response.text(), "image/svg+xml").documentElement;
    show("qr", picture);
  }
});

$("copy").addEventListener("click", async () => {
  $("bolt11").select();
  try { await navigator.clipboard.writeText($("bolt11").value); } catch { document.execCommand("copy"); }
  $("invoice-state").textContent = "copied";
});

onSubmit($("pay"), async (data) => {
  const form = $("pay");
  form.querySelector(".success").textContent = "";
  const request = { bolt11: data.get("bolt11").trim().replace(/^lightning:/i, "") };
  if (data.get("sat")) request.amount_msat = Number(data.get("sat")) * 1000;
  const payment = await call("pay", request);
  form.querySelector(".success").textContent = `✓ paid ${msat(payment.amount_msat)}, fee ${msat(payment.fee_msat)}, ${payment.duration_ms} ms`;
  form.reset();
});

// MARK: Beginning

async function begin() {
  if (!token) return login();
  try { await views.info(); } catch (failure) {
    if (failure.status === 401) return login("The node does not know this token.");
    if (failure.status !== 403) {
      $("line").textContent = `${failure.message}. Trying again …`;
      return setTimeout(begin, 2000);
    }
  }
  const may = await call("whoami").catch(() => ({ permissions: [] }));
  const allowed = (permission) => may.permissions.includes(permission) || may.permissions.includes("admin");
  $("pay").hidden = !allowed("pay");
  $("may-not-pay").hidden = allowed("pay");
  $("receive").closest("section").hidden = !allowed("invoice");
  refresh(...Object.keys(views));
  if (allowed("read")) {
    // What has happened since the node was started, as far as it is kept; then what happens.
    const recent = await call("events", { from: 1, limit: 10000 }).catch(() => ({ events: [] }));
    for (const event of recent.events.slice(-30)) tell(event);
  }
  follow();
}

begin();
