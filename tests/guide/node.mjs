// Runs guide.js in Node as a program would: with the package `eventsource`, an API key, and addresses completed.
//   BASE=http://127.0.0.1:4000 KEY=... node node.mjs

import { EventSource } from 'eventsource';
import { readFileSync } from 'node:fs';

const { BASE, KEY } = process.env;
const send = fetch;
const withKey = (input, init = {}) => send(new URL(input, BASE), { ...init, headers: { ...init.headers, Authorization: `Bearer ${KEY}` } });
globalThis.fetch = withKey;
globalThis.EventSource = class extends EventSource {
  constructor(path) { super(new URL(path, BASE), { fetch: withKey }); }
};
const guide = new Function(`${readFileSync(new URL('./guide.js', import.meta.url), 'utf8')}; return guide;`)();
console.log(JSON.stringify(await guide(false)));
process.exit(0);
