// The page: counts, the form, the list, the details, kept live by one stream.

import { ApiError, call, outside, post } from "./api";
import { Detail } from "./detail";
import { fill, h } from "./dom";
import { JobList } from "./list";
import { follow } from "./stream";
import { submitPanel } from "./submit";
import { LANGUAGE, label, number, t } from "./text";
import { STATUSES, type Job, type JobType, type Me, type Page, type Stats, type Status, type StreamEvent } from "./types";

const LIMIT = 50;
const app = document.getElementById("app")!;
document.documentElement.lang = LANGUAGE;

async function begin(): Promise<void> {
  try {
    const me = await call<Me>("/me");
    const types = await call<Page<JobType>>("/types");
    new Dashboard(me, types.items).run();
  } catch (error) {
    if ((error as ApiError).status === 401) return signedOut();
    fill(app, h("main", { class: "notice" }, h("h1", {}, "vocaqueue"), h("p", { role: "status" }, t("unreachable"))));
    setTimeout(begin, 3000);
  }
}

// A session that ended while the page was open leads to the sign-in page and back; where there is none, the page says so.
function signedOut(login?: string): void {
  if (login) {
    const there = new URL(login, location.href);
    there.searchParams.set("next", location.pathname + location.search + location.hash);
    location.assign(there);
    return;
  }
  fill(app, h("main", { class: "notice" }, h("h1", {}, t("signInTitle")), h("p", {}, t("signIn")), h("p", {}, h("code", {}, "make start"))));
}

class Dashboard {
  private jobs = new Map<string, Job>();
  private status: Status | "" = "";
  private limit = LIMIT;
  private list = new JobList();
  private tiles = h("div", { class: "tiles", role: "group", "aria-label": t("jobs") });
  private liveness = h("span", { class: "live off", role: "status" }, t("reconnecting"));
  private more = h("button", { class: "plain more", onclick: () => { this.limit = Math.min(100, this.limit + LIMIT); void this.read(); } }, t("more"));
  private detail: Detail;
  private stats: Stats | null = null;
  private isAway = false;
  private timer = 0;
  private isReading = false;

  constructor(private me: Me, private types: JobType[]) {
    this.detail = new Detail(me, () => { if (location.hash) history.pushState(null, "", location.pathname); });
  }

  run(): void {
    fill(app,
      h("header", { class: "top" }, h("h1", {}, "vocaqueue"), this.liveness,
        this.me.links.logout && this.me.via !== "key" ? h("button", { class: "plain", onclick: () => void post(outside(this.me.links.logout!)).then(() => this.signedOut()) }, t("signOut")) : null),
      h("main", {}, this.tiles, submitPanel(this.types, this.me), h("h2", {}, t("jobs")), this.list.element, this.more),
      this.detail.element);
    addEventListener("hashchange", () => this.route());
    this.listen();
    void this.read().then(() => this.route());
  }

  private listen(): void {
    follow((name, data) => this.hear(name, data), (isLive) => this.showLive(isLive), () => {
      // The server refused the stream: not signed in any more, or away altogether.
      call<Me>("/me").then(() => setTimeout(() => this.listen(), 3000), (error: ApiError) =>
        error.status === 401 ? this.signedOut() : setTimeout(() => this.listen(), 3000));
    });
  }

  private signedOut(): void {
    signedOut(this.me.links.login);
  }

  private route(): void {
    const id = decodeURIComponent(location.hash.slice(1));
    if (id) void this.detail.open(id); else this.detail.close();
  }

  private hear(name: string, data: StreamEvent): void {
    if (name === "store-away" || name === "store-back") { this.isAway = name === "store-away"; this.showLive(true); return; }
    if (name === "queue-stats") { this.isAway = false; this.showLive(true); this.showStats(data as unknown as Stats); return; }
    if (name === "reset") { this.soon(); void this.detail.refresh(); return; }
    const known = data.jobId ? this.jobs.get(data.jobId) : undefined;
    if (name === "job-progress" && known && known.status === data.status && data.progress) {
      known.progress = data.progress;
      this.list.update(known);
    } else {
      this.soon();
    }
    if (data.jobId) this.detail.heard(data.jobId);
  }

  // A burst of events is one reading.
  private soon(): void {
    if (!this.timer) this.timer = window.setTimeout(() => { this.timer = 0; void this.read(); }, 250);
  }

  private async read(): Promise<void> {
    if (this.isReading) return this.soon();
    this.isReading = true;
    try {
      const page = await call<Page<Job>>(`/jobs?limit=${this.limit}${this.status ? `&status=${this.status}` : ""}`);
      this.jobs = new Map(page.items.map((job) => [job.id, job]));
      this.list.show(page.items);
      this.more.hidden = page.total <= page.items.length || this.limit >= 100;
    } catch (error) {
      if ((error as ApiError).status === 401) this.signedOut();
      else setTimeout(() => this.soon(), 3000);
    } finally {
      this.isReading = false;
    }
  }

  private showStats(stats: Stats): void {
    this.stats = stats;
    const all = STATUSES.reduce((sum, status) => sum + stats[status], 0);
    const tile = (status: Status | "", count: number): HTMLElement =>
      h("button", { class: `tile ${status}`, "aria-pressed": String(this.status === status), "data-status": status || "all", onclick: () => {
        this.status = status;
        this.limit = LIMIT;
        if (this.stats) this.showStats(this.stats);
        this.tiles.querySelector<HTMLElement>(`[data-status=${status || "all"}]`)?.focus();
        void this.read();
      } }, h("b", {}, number(count)), h("span", {}, status ? label("status", status) : t("all")));
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.status;
    fill(this.tiles, tile("", all), ...STATUSES.map((status) => tile(status, stats[status])));
    if (focused) this.tiles.querySelector<HTMLElement>(`[data-status=${focused}]`)?.focus();
  }

  private showLive(isLive: boolean): void {
    const text = !isLive ? t("reconnecting") : this.isAway ? t("away") : t("live");
    if (this.liveness.textContent === text) return;
    this.liveness.className = `live ${isLive && !this.isAway ? "on" : "off"}`;
    this.liveness.textContent = text;
    document.body.classList.toggle("old", !isLive || this.isAway);
  }
}

void begin();
