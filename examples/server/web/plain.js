// A page that does what it takes to chat in one room, where Converse.js is not to be had: XMPP
// over WebSocket (RFC 7395), logging in by SCRAM-SHA-256 or as a guest, one room.
'use strict';

const ns = {
  framing: 'urn:ietf:params:xml:ns:xmpp-framing', sasl: 'urn:ietf:params:xml:ns:xmpp-sasl', bind: 'urn:ietf:params:xml:ns:xmpp-bind',
  muc: 'http://jabber.org/protocol/muc', user: 'http://jabber.org/protocol/muc#user', admin: 'http://jabber.org/protocol/muc#admin',
  delay: 'urn:xmpp:delay', client: 'jabber:client', ping: 'urn:xmpp:ping',
};
const byId = (id) => document.getElementById(id);

// element makes an element of XML; text and attributes are escaped by the browser.
function element(space, name, attributes = {}, ...children) {
  const el = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value);
  el.append(...children);
  return el;
}

const bytes = (text) => new TextEncoder().encode(text);
const base64 = (array) => btoa(String.fromCharCode(...new Uint8Array(array)));
const unbase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

async function hmac(key, message) {
  const k = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', k, bytes(message)));
}

// prove answers the challenge of SCRAM-SHA-256 (RFC 5802 §3).
async function prove(password, first, challenge) {
  const said = Object.fromEntries(challenge.split(',').map((part) => [part[0], part.slice(2)]));
  const key = await crypto.subtle.importKey('raw', bytes(password), 'PBKDF2', false, ['deriveBits']);
  const salted = await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: unbase64(said.s), iterations: Number(said.i) }, key, 256);
  const clientKey = await hmac(salted, 'Client Key');
  const stored = await crypto.subtle.digest('SHA-256', clientKey);
  const last = `c=biws,r=${said.r}`;
  const signature = await hmac(stored, `${first},${challenge},${last}`);
  return `${last},p=${base64(clientKey.map((b, i) => b ^ signature[i]))}`;
}

class Chat {
  constructor(config, name, password, nick) {
    Object.assign(this, { config, name, password, nick, people: new Map(), bound: false });
    byId('choice').hidden = true;
    byId('chat').hidden = false;
    byId('where').textContent = config.room;
    byId('say').addEventListener('submit', (event) => { event.preventDefault(); this.say(); });
    this.connect();
  }

  connect() {
    this.bound = false;
    this.socket = new WebSocket(websocket, 'xmpp');
    this.socket.addEventListener('open', () => this.open());
    this.socket.addEventListener('message', (event) => this.handle(new DOMParser().parseFromString(event.data, 'text/xml').documentElement));
    this.socket.addEventListener('close', () => this.notice(`The connection has ended${this.refused ? '' : ': reload the page to come back'}.`));
  }

  send(el) { this.socket.send(new XMLSerializer().serializeToString(el)); }

  open() { this.send(element(ns.framing, 'open', { to: this.config.domain, version: '1.0' })); }

  async handle(el) {
    switch (el.localName) {
      case 'features':
        this.login(el);
        break;
      case 'challenge':
        this.send(element(ns.sasl, 'response', {}, base64(bytes(await prove(this.password, this.first, atob(el.textContent))))));
        break;
      case 'success':
        this.open();
        break;
      case 'failure':
        this.refused = true;
        this.notice('The server does not let you in.');
        break;
      case 'iq':
        this.request(el);
        break;
      case 'presence':
        this.presence(el);
        break;
      case 'message':
        this.message(el);
        break;
    }
  }

  login(features) {
    if (features.getElementsByTagNameNS(ns.bind, 'bind').length > 0) {
      this.send(element(ns.client, 'iq', { type: 'set', id: 'bind' }, element(ns.bind, 'bind')));
    } else if (this.name === null) {
      this.send(element(ns.sasl, 'auth', { mechanism: 'ANONYMOUS' }));
    } else {
      this.first = `n=${this.name.replace(/=/g, '=3D').replace(/,/g, '=2C')},r=${base64(crypto.getRandomValues(new Uint8Array(18)))}`;
      this.send(element(ns.sasl, 'auth', { mechanism: 'SCRAM-SHA-256' }, base64(bytes(`n,,${this.first}`))));
    }
  }

  request(el) {
    if (el.getAttribute('id') === 'bind' && !this.bound) {
      this.bound = true;
      this.send(element(ns.client, 'presence', { to: `${this.config.room}/${this.nick}` }, element(ns.muc, 'x')));
    } else if (el.getElementsByTagNameNS(ns.ping, 'ping').length > 0) {
      this.send(element(ns.client, 'iq', { type: 'result', id: el.getAttribute('id'), to: el.getAttribute('from') }));
    } else if (el.getAttribute('type') === 'error') {
      this.notice(el.getElementsByTagName('text')[0]?.textContent || 'The room refuses that.');
    }
  }

  presence(el) {
    const nick = el.getAttribute('from').split('/').slice(1).join('/');
    const codes = [...el.getElementsByTagNameNS(ns.user, 'status')].map((status) => status.getAttribute('code'));
    const item = el.getElementsByTagNameNS(ns.user, 'item')[0];
    if (el.getAttribute('type') === 'error') {
      this.notice(el.getElementsByTagName('text')[0]?.textContent || 'The room does not let you in.');
    } else if (el.getAttribute('type') === 'unavailable') {
      this.people.delete(nick);
      const why = codes.includes('307') ? 'was kicked' : codes.includes('301') ? 'was banned' : 'has left';
      this.notice(codes.includes('110') ? `You are out of the room (${nick} ${why}).` : `${nick} ${why}.`);
    } else {
      if (!this.people.has(nick)) this.notice(`${nick} is here.`);
      if (codes.includes('110')) [this.nick, this.role] = [nick, item.getAttribute('role')];
      this.people.set(nick, item.getAttribute('role'));
    }
    this.show();
  }

  show() {
    byId('people').replaceChildren(...[...this.people].sort().map(([nick, role]) => {
      const li = document.createElement('li');
      li.textContent = nick + (role === 'moderator' ? ' ★' : '');
      if (this.role === 'moderator' && nick !== this.nick) {
        const kick = document.createElement('button');
        kick.textContent = 'Kick';
        kick.addEventListener('click', () => this.kick(nick));
        li.append(kick);
      }
      return li;
    }));
  }

  kick(nick) {
    this.send(element(ns.client, 'iq', { type: 'set', id: 'kick', to: this.config.room },
      element(ns.admin, 'query', {}, element(ns.admin, 'item', { nick, role: 'none' }))));
  }

  message(el) {
    const body = [...el.children].find((child) => child.localName === 'body');
    if (el.getAttribute('type') === 'error') {
      this.notice(el.getElementsByTagName('text')[0]?.textContent || 'The room refuses that.');
    } else if (body) {
      const delay = el.getElementsByTagNameNS(ns.delay, 'delay')[0];
      const at = delay ? new Date(delay.getAttribute('stamp')) : new Date();
      this.line(`${el.getAttribute('from').split('/').slice(1).join('/')}: ${body.textContent}`, '', at);
    }
  }

  notice(text) { this.line(text, 'notice', new Date()); }

  line(text, kind, at) {
    const li = document.createElement('li');
    const time = document.createElement('time');
    time.textContent = at.toTimeString().slice(0, 5);
    li.className = kind;
    li.append(time, text);
    byId('log').append(li);
    li.scrollIntoView();
  }

  say() {
    const words = byId('words');
    if (words.value === '') return;
    this.send(element(ns.client, 'message', { type: 'groupchat', to: this.config.room }, element(ns.client, 'body', {}, words.value)));
    words.value = '';
  }
}

// ask asks for a name and a password.
function ask(config) {
  const box = byId('choice');
  const form = document.createElement('form');
  form.innerHTML = '<h1>Log in</h1><input name="name" placeholder="Name" required><input name="password" type="password" placeholder="Password" required><button>Log in</button>';
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    new Chat(config, form.elements.name.value, form.elements.password.value, form.elements.name.value);
  });
  box.replaceChildren(form);
  box.hidden = false;
}

server.then((config) => {
  if (config.people.length === 0) ask(config);
  else if (chosen === null) choose(config);
  else if (chosen === 'guest') new Chat(config, null, '', guestNick());
  else new Chat(config, chosen, chosen, chosen);
});
