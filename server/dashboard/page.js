// The operator's page: reads the API, follows the events, and draws. Everything goes into the page as text, never as HTML.
const $ = (id) => document.getElementById(id);
const url = new URL(location.href);
if (url.searchParams.has('token')) {
  sessionStorage.setItem('token', url.searchParams.get('token'));
  url.searchParams.delete('token'); // not into the history, a bookmark or a screenshot
  history.replaceState(null, '', url);
}

const page = { run: null, runs: [], rounds: [], admin: false, lastEvent: '' };

async function api(path, { method = 'GET', headers = {}, signal } = {}) {
  const token = sessionStorage.getItem('token') ?? '';
  const response = await fetch(`api/${path}`, {
    method,
    signal,
    headers: { ...headers, Authorization: `Bearer ${token}` },
  });
  if (response.ok) return response;
  const { error } = await response
    .json()
    .catch(() => ({ error: { message: `the server answered ${response.status}` } }));
  throw Object.assign(new Error(error.message), { status: response.status });
}
const get = async (path) => (await api(path)).json();

const element = (tag, text, attributes = {}) => {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};
const number = (value, digits) => (typeof value === 'number' ? value.toFixed(digits) : '–');

function drawRun() {
  const { run, runs } = page;
  $('runs').hidden = runs.length < 2;
  $('runs').replaceChildren(...runs.map(({ id }) => element('option', id, id === run?.id ? { selected: '' } : {})));
  $('state').textContent = run?.state ?? '';
  $('run-title').textContent = run === null ? 'No run yet' : `${run.id}: ${run.task}, ${run.strategy}`;
  $('message').textContent = run?.message ?? 'Create a run, and its rounds are shown here.';
  $('progress').value = run === null ? 0 : run.round / run.rounds;
  const figures =
    run === null
      ? []
      : [
          ['round', `${run.round} of ${run.rounds}`],
          ['accuracy', number(run.evaluation?.accuracy, 4)],
          ['loss', number(run.evaluation?.loss, 4)],
          ['parameters', run.parameters.toLocaleString('en')],
          ['reports', run.current === null ? '–' : `${run.current.reported} of ${run.current.wanted}`],
          ['phase', run.current?.phase ?? '–'],
          ['the server sees', run.secureAggregation ? 'sums only' : 'EVERY SINGLE UPDATE'],
        ];
  $('figures').replaceChildren(
    ...figures.map(([name, value]) => {
      const pair = document.createElement('div');
      pair.append(element('dt', name), element('dd', value));
      return pair;
    }),
  );
  const possible = {
    pause: ['waiting', 'running'],
    resume: ['paused'],
    stop: ['waiting', 'running', 'pausing', 'paused'],
  };
  $('controls').hidden = !page.admin || run === null;
  for (const button of $('controls').children) button.disabled = !possible[button.dataset.do].includes(run?.state);
}

function drawCurve() {
  const points = page.rounds.filter(({ evaluation }) => evaluation !== null);
  const last = Math.max(2, points.at(-1)?.record.round ?? 0);
  const line = (name, top) => {
    const shown = points.filter(({ evaluation }) => Number.isFinite(evaluation[name]));
    const curve = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
    const place = ({ record, evaluation }) =>
      `${((record.round - 1) / (last - 1)) * 600},${195 - (evaluation[name] / top) * 190}`;
    curve.setAttribute('points', shown.map(place).join(' '));
    curve.setAttribute('class', name);
    return curve;
  };
  const highest = Math.max(1e-9, ...points.map(({ evaluation }) => evaluation.loss ?? 0).filter(Number.isFinite));
  $('curve').replaceChildren(line('accuracy', 1), line('loss', highest));
  const newest = points.at(-1);
  const label = `round ${newest?.record.round}: accuracy ${number(newest?.evaluation.accuracy, 4)}, loss ${number(newest?.evaluation.loss, 4)}`;
  $('curve').setAttribute('aria-label', newest === undefined ? 'No evaluation yet' : `Up to ${label}`);
}

function drawClients(clients) {
  $('clients-title').textContent = `Clients (${clients.filter(({ connected }) => connected).length} connected)`;
  const row = (client) => {
    const line = document.createElement('tr');
    const state = client.excluded
      ? 'excluded'
      : client.waiting === null
        ? client.state
        : `${client.state}: ${client.waiting}`;
    const cells = [
      client.label || client.id.slice(0, 8),
      state,
      client.examples ?? '–',
      client.roundsReported,
      client.backend,
    ];
    line.append(...cells.map((text) => element('td', text)));
    return line;
  };
  $('clients').replaceChildren(...clients.slice(0, 500).map(row));
}

function drawEvent({ at, message }) {
  const item = element('li', message);
  item.prepend(element('time', new Date(at).toLocaleTimeString()));
  $('events').prepend(item);
  while ($('events').children.length > 100) $('events').lastChild.remove();
}

async function refresh() {
  page.runs = await get('runs');
  page.run =
    page.runs.find(({ id }) => id === page.run?.id) ??
    page.runs.findLast(({ state }) => state === 'running') ??
    page.runs.at(-1) ??
    null;
  const known = page.rounds[0]?.record.run === page.run?.id ? page.rounds : [];
  // The newest known round is asked for again, since its evaluation comes after it.
  const after = Math.max(0, known.length - 2);
  page.rounds =
    page.run === null ? [] : [...known.slice(0, after), ...(await get(`runs/${page.run.id}/rounds?after=${after}`))];
  drawRun();
  drawCurve();
  drawClients(await get('clients'));
}

// However many events come at once, the API is asked at most twice a second.
let waiting = false;
function refreshSoon() {
  if (waiting) return;
  waiting = true;
  setTimeout(() => {
    waiting = false;
    refresh().catch(problem); // a server that is gone is noticed by `follow`
  }, 500);
}
const problem = (error) => ($('problem').textContent = error.message ?? '');

/** Reads the event stream until it ends. fetch and not EventSource, which cannot send the token in a header. */
async function follow() {
  const response = await api('events', { headers: page.lastEvent === '' ? {} : { 'Last-Event-ID': page.lastEvent } });
  $('connection').textContent = 'live';
  $('problem').textContent = '';
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (text + value).split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s)));
      if (fields.id !== undefined) page.lastEvent = fields.id;
      if (fields.data === undefined) continue;
      if (fields.event !== 'snapshot') drawEvent(JSON.parse(fields.data));
      refreshSoon();
    }
  }
}

async function start() {
  for (;;) {
    try {
      page.admin = (await get('server')).role === 'admin';
      $('login').hidden = true;
      $('page').hidden = false;
      await refresh();
      await follow();
    } catch (error) {
      if (error.status === 401 || error.status === 403) {
        $('login').hidden = false;
        $('page').hidden = true;
        $('login-error').textContent = sessionStorage.getItem('token') === null ? '' : error.message;
        return;
      }
    }
    $('connection').textContent = 'reconnecting …';
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}

$('login').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem('token', $('token').value.trim());
  void start();
});
$('runs').addEventListener('change', () => {
  page.run = page.runs.find(({ id }) => id === $('runs').value);
  refresh().catch(problem);
});
async function steer(action) {
  if (action === 'stop' && !confirm('Stop this run? It cannot be resumed.')) return;
  $('problem').textContent = '';
  await api(`runs/${page.run.id}/${action}`, { method: 'POST' });
  await refresh();
}
$('controls').addEventListener('click', ({ target }) => {
  if (target.dataset.do !== undefined) steer(target.dataset.do).catch(problem);
});
void start();
