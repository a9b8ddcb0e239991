// Converse.js, told who somebody is and where to go.
'use strict';

server.then((config) => {
  const settings = {
    assets_path: '/converse/',
    websocket_url: websocket,
    discover_connection_methods: false,
    view_mode: 'fullscreen',
    theme: 'classic',
    allow_registration: false,
    allow_logout: true,
    auto_away: 0,
    muc_domain: config.room.split('@')[1],
    locked_muc_domain: false,
    muc_show_logs_before_join: false,
    enable_smacks: true,
    blacklisted_plugins: ['converse-omemo', 'converse-omemo-views'], // the server keeps no keys
  };
  if (config.people.length > 0) {
    if (chosen === null) {
      choose(config);
      return;
    }
    settings.auto_login = true;
    settings.auto_join_rooms = [{ jid: config.room, nick: chosen === 'guest' ? guestNick() : chosen }];
    if (chosen === 'guest') {
      Object.assign(settings, { authentication: 'anonymous', jid: config.domain });
    } else {
      Object.assign(settings, { authentication: 'login', jid: `${chosen}@${config.domain}`, password: chosen });
    }
  } else {
    Object.assign(settings, { authentication: 'login', locked_domain: config.domain });
  }
  converse.initialize(settings);
});
