// EventSource reconnects by itself and sends Last-Event-ID, so a dropped line loses nothing that the stream still keeps.
// It gives up only where the server refuses it; then we look again after a while. With many tabs the server gives each the
// stream in turn: a short pause is nothing to speak of.

import { BASE } from "./api";
import type { StreamEvent } from "./types";

const NAMES = ["queue-stats", "job-created", "job-active", "job-progress", "job-completed", "job-failed", "job-cancelled",
  "job-paused", "job-resumed", "job-delayed", "job-retrying", "job-removed", "job-restored", "jobs-changed", "reset", "store-away", "store-back"];
const SHORT_PAUSE_MS = 5000;

export function follow(hear: (name: string, data: StreamEvent) => void, state: (isLive: boolean) => void, refused: () => void): void {
  const source = new EventSource(`${BASE}/events`);
  let pause = 0;
  source.addEventListener("open", () => { clearTimeout(pause); pause = 0; state(true); });
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) {
      pause ||= window.setTimeout(() => state(false), SHORT_PAUSE_MS);
      return;
    }
    clearTimeout(pause);
    state(false);
    source.close();
    refused();
  });
  for (const name of NAMES) source.addEventListener(name, (event) => hear(name, JSON.parse((event as MessageEvent<string>).data)));
}
