// All routes, those with a fault first.
import { el, keyed, mark, replace, say } from './dom.js';
import { count, glyph, tone } from './words.js';

const columns = ['Route', 'Ready', 'Why', 'Backends', 'Success', 'Rate', 'p99', 'Age'];

export class Overview {
  constructor(main) {
    this.summary = el('p.lead', { role: 'status' }, 'Asking for the routes…');
    this.filter = el('input', { type: 'search', id: 'filter', placeholder: 'namespace, name or reason', autocomplete: 'off', spellcheck: 'false', oninput: () => this.draw() });
    this.faulty = el('input', { type: 'checkbox', id: 'faulty', onchange: () => this.draw() });
    this.body = el('tbody');
    this.nothing = el('p.empty', { hidden: true });
    this.note = el('p.note', { hidden: true });
    main.replaceChildren(
      el('div.title', {}, el('h1', {}, 'Routes'), this.summary),
      el('div.bar', { role: 'search' },
        el('label', { for: 'filter' }, 'Filter'), this.filter,
        el('label.check', { for: 'faulty' }, this.faulty, 'only those with a fault')),
      this.note,
      el('div.card', {}, el('div.scroll', { tabindex: '0', role: 'region', 'aria-label': 'Routes' }, el('table.routes', {},
        el('caption.hidden', {}, 'Routes, those with a fault first'),
        el('thead', {}, el('tr', {}, ...columns.map((c) => el('th' + (columns.indexOf(c) > 2 ? '.number' : ''), { scope: 'col' }, c)))),
        this.body)), this.nothing),
    );
    this.keys = (event) => {
      if (event.key === '/' && !/INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName)) {
        event.preventDefault();
        this.filter.focus();
      }
    };
    document.addEventListener('keydown', this.keys);
  }

  stop() { document.removeEventListener('keydown', this.keys); }

  list(overview) {
    this.all = overview;
    this.draw();
  }

  draw() {
    if (!this.all) return;
    const wanted = this.filter.value.trim().toLowerCase();
    const rows = this.all.routes
      .filter((r) => !this.faulty.checked || r.bad)
      .filter((r) => `${r.namespace}/${r.name} ${r.reason}`.toLowerCase().includes(wanted))
      .sort((a, b) => (b.bad ? 1 : 0) - (a.bad ? 1 : 0) || `${a.namespace}/${a.name}`.localeCompare(`${b.namespace}/${b.name}`));
    const total = this.all.routes.length;
    const bad = this.all.routes.filter((r) => r.bad).length;
    say(this.summary, `${count(total)} ${total === 1 ? 'route' : 'routes'}, ${bad === 0 ? 'none with a fault' : `${count(bad)} with a fault`}${rows.length < total ? `; ${count(rows.length)} shown` : ''}`);
    keyed(this.body, rows, (r) => `${r.namespace}/${r.name}`, create, update);
    this.nothing.hidden = rows.length > 0;
    say(this.nothing, total === 0 ? 'There is no route here, or none that you may see. Apply a FanoutRoute, or have fanoutctl dash look into another namespace with -n or -A.' : 'No route is like that.');
    this.note.hidden = !this.all.note;
    say(this.note, this.all.note || '');
  }
}

function create(r) {
  const row = el('tr');
  row.link = el('a', { href: `#/routes/${encodeURIComponent(r.namespace)}/${encodeURIComponent(r.name)}` },
    el('span.namespace', {}, r.namespace + '/'), el('strong', {}, r.name));
  row.parts = columns.slice(1).map((_, i) => el('td' + (i > 1 ? '.number' : '')));
  row.append(el('th', { scope: 'row' }, row.link), ...row.parts);
  return row;
}

function update(row, r) {
  const [ready, why, ...figures] = row.parts;
  replace(ready, [r.ready, r.bad], () => el(`span.tag.${r.bad && r.ready === 'True' ? 'warn' : tone(r.ready)}`, {},
    `${r.bad && r.ready === 'True' ? '!' : glyph(r.ready)} ${{ True: 'ready', False: 'not ready' }[r.ready] || 'unknown'}`));
  replace(why, [r.reason, r.message, r.bad], () => [el(`span.reason${r.bad ? '' : '.calm'}`, {}, r.reason), r.message ? el('span.message', { title: r.message }, r.message) : '']);
  mark(row, 'class', r.bad ? 'faulty' : null);
  [r.backends, r.success, r.rate, r.p99, r.age].forEach((text, i) => say(figures[i], text || '–'));
}
