// What both pages have in common: who somebody is, and what the server is.
'use strict';

const server = fetch('/config.json').then((answer) => answer.json());

// where the server listens for WebSockets.
const websocket = new URL('/xmpp-websocket', location.href).href.replace(/^http/, 'ws');

// chosen is the name of the demonstration that the address of the page names, or guest.
const chosen = new URLSearchParams(location.search).get('as');

// choose offers the names of the demonstration.
function choose(config) {
  const box = document.getElementById('choice');
  const add = (tag, text) => { const el = document.createElement(tag); el.textContent = text; box.append(el); return el; };
  add('h1', 'Who are you?');
  add('p', `You will meet in ${config.room}. Open this page in a second tab, as somebody else.`);
  config.people.forEach((name, i) => {
    add('a', `${name}${i === 0 ? ', who owns the room' : ''}`).href = `?as=${encodeURIComponent(name)}`;
  });
  add('a', 'a guest, without an account').href = '?as=guest';
  box.hidden = false;
}

// guestNick is the nick of a guest in this tab.
function guestNick() {
  let nick = sessionStorage.getItem('nick');
  if (!nick) {
    nick = `Guest ${1 + crypto.getRandomValues(new Uint16Array(1))[0] % 999}`;
    sessionStorage.setItem('nick', nick);
  }
  return nick;
}
