// The page: which view is shown, and how old what it shows is.
import { el, mark, replace, say } from './dom.js';
import { Overview } from './overview.js';
import { Poll } from './poll.js';
import { Route } from './route.js';
import { ago } from './words.js';

const main = document.getElementById('main');
const fresh = document.getElementById('fresh');
let view = null;
let overview = null; // what was heard last of all routes

// routes are asked for in every view: the head of the page says whether an operator is there.
const routes = new Poll(5000, () => 'api/routes', (value) => {
  overview = value;
  head(value);
  if (view && view.list) view.list(value);
  age();
}, age);

function head(o) {
  say(document.getElementById('where'), o.mode === 'cluster' ? `cluster ${o.where}` : `standalone proxy ${o.where}`);
  replace(document.getElementById('operator'), o.operators.map(operator), () => {
    if (o.mode === 'standalone') return [el('span.calm', {}, 'no operator: standalone')];
    if (o.operators.length === 0) return [el('span.tag.warn', {}, '? no operator has written a status')];
    return o.operators.map((one) => el('span.tag.' + operator(one)[0], { title: `Lease ${one.lease || 'none'}` }, operator(one)[1]));
  });
}

// operator is its tone, and what is said of it. Seconds would be news each time.
function operator(o) {
  if (o.unknown) return ['calm', `operator: ${o.unknown}`];
  if (o.gone) return ['bad', o.ageSeconds ? `✕ operator gone for ${ago(o.ageSeconds * 1000)}: what the status says is old` : '✕ operator gone: what the status says is old'];
  return ['good', '✓ operator alive'];
}

// age says how old the figures are that the view shows.
function age() {
  const poll = (view && view.poll) || routes;
  const failing = poll.error || routes.error;
  mark(fresh, 'data-state', failing ? 'failing' : poll.at ? 'live' : 'waiting');
  if (failing) {
    const since = poll.at || routes.at;
    say(fresh, `✕ ${since ? `figures are ${ago(Math.floor((Date.now() - since) / 10000) * 10000)} old` : 'no figures'}: ${failing}`);
  } else if (poll.at) {
    const old = Date.now() - poll.at;
    say(fresh, old < 15000 ? 'live: figures a few seconds old' : `figures are ${ago(Math.floor(old / 10000) * 10000)} old`);
  } else {
    say(fresh, 'asking…');
  }
}
setInterval(age, 1000);

function show() {
  const parts = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  if (parts[0] === 'main') return; // the skip link
  if (view) view.stop();
  const route = parts[0] === 'routes' && parts.length === 3;
  view = route ? new Route(main, parts[1], parts[2], age) : new Overview(main);
  document.title = route ? `${parts[1]}/${parts[2]} · Fanout` : 'Routes · Fanout';
  if (overview && view.list) view.list(overview);
  age();
  window.scrollTo(0, 0);
}

window.addEventListener('hashchange', () => {
  show();
  main.focus({ preventScroll: true });
});
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
show();
