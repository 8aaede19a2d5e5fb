// The live view in a notebook: what the kernel sends some times a second, drawn; and a Stop button that it hears.
// No framework, and nothing from elsewhere.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 220;
const HEIGHT = 44;

// What is shown, the series that is drawn, and the value now in two lines.
const MEASURES = [
  ["throughput", "rate", (s) => [`${large(last(s.rate))} msg/s`, `${size(last(s.bytes))}/s`]],
  ["queue fill", "backlog", (s) => [size(last(s.backlog)), fill(last(s.backlog), s.capacity)]],
  ["batch size", "batch", (s) => [size(last(s.batch)), "a drain"]],
  ["latency", "waiting", (s) => [time(last(s.waiting)), "waiting in the queue"]],
  ["dropped", "drops", (s) => [(s.dropped ?? 0).toLocaleString("en"), `${large(last(s.drops))}/s`]],
];

const last = (values) => (values && values.length ? values[values.length - 1] : null);

function scaled(value, steps) {
  if (value === null || value === undefined) return "–";
  const [factor, word] = steps.find(([factor]) => value >= factor) ?? steps[steps.length - 1];
  const number = value / factor;
  return `${number >= 100 || number === 0 ? number.toFixed(0) : number.toPrecision(3)}${word}`;
}

const large = (value) => scaled(value, [[1e9, " G"], [1e6, " M"], [1e3, " k"], [1, ""]]);
const size = (value) => scaled(value, [[1e9, " GB"], [1e6, " MB"], [1e3, " kB"], [1, " B"]]);
const time = (value) => scaled(value, [[1, " s"], [1e-3, " ms"], [1e-6, " µs"], [1e-9, " ns"]]);

function fill(backlog, capacity) {
  return capacity ? `${Math.round((100 * backlog) / capacity)} % of ${size(capacity)}` : "no bound";
}

function element(name, parent, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

function chart(parent) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const area = document.createElementNS(SVG, "path");
  const line = document.createElementNS(SVG, "path");
  area.setAttribute("class", "area");
  line.setAttribute("class", "line");
  svg.append(area, line);
  parent.append(svg);
  return (values, most, kept) => {
    const step = WIDTH / Math.max(1, kept - 1);
    const left = WIDTH - step * (values.length - 1);
    const points = values.map((value, at) => {
      const height = most > 0 ? (HEIGHT - 4) * ((value ?? 0) / most) : 0;
      return `${(left + at * step).toFixed(1)},${(HEIGHT - 2 - height).toFixed(1)}`;
    });
    const path = points.length ? `M${points.join("L")}` : "";
    line.setAttribute("d", path);
    area.setAttribute("d", path && `${path}L${WIDTH},${HEIGHT}L${left.toFixed(1)},${HEIGHT}Z`);
  };
}

function render({ model, el }) {
  el.classList.add("fanin-live");
  const head = element("div", el, "head");
  const status = element("span", head, "status");
  const label = element("span", head, "label");
  const stop = element("button", head, "stop", "Stop");
  stop.title = "End the run that is under way, and the sweep; what had ended is kept";
  const bar = element("progress", el, "bar");
  const grid = element("div", el, "grid");
  const cards = MEASURES.map(([name, series, said]) => {
    const card = element("div", grid, "card");
    element("div", card, "name", name);
    const value = element("div", card, "value", "–");
    const more = element("div", card, "more", "");
    return { series, said, value, more, draw: chart(card) };
  });
  const run = element("div", el, "last");
  let beats = 0;

  const draw = () => {
    const state = model.get("state");
    beats += 1;
    el.dataset.beats = beats;
    el.dataset.status = state.status;
    status.textContent = state.status;
    label.textContent = state.label;
    bar.max = Math.max(1, state.total);
    if (state.total) bar.value = state.done;
    bar.title = `${state.done} of ${state.total} runs`;
    stop.disabled = state.status !== "running";
    for (const { series, said, value, more, draw } of cards) {
      [value.textContent, more.textContent] = said(state);
      const values = state[series] ?? [];
      const bound = series === "backlog" ? state.capacity ?? 0 : 0;
      draw(values, Math.max(bound, ...values.map((one) => one ?? 0)), state.kept);
    }
    run.textContent = state.last ? `last run: ${state.last}` : "";
  };

  stop.addEventListener("click", () => {
    stop.disabled = true;
    status.textContent = "stopping";
    model.send({ stop: true });
  });
  model.on("change:state", draw);
  draw();
  return () => model.off("change:state", draw);
}

export default { render };
