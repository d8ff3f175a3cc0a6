// One job, whole, beside the list.

import { ApiError, BASE, call, post } from "./api";
import { fill, h } from "./dom";
import { made } from "./made";
import { bar, figures } from "./progress";
import { duration, label, number, t, time } from "./text";
import type { Job, Me } from "./types";

export class Detail {
  readonly element = h("dialog", { class: "detail", "aria-labelledby": "detail-title" });
  private id: string | null = null;
  private isReading = false;
  private isStale = false;
  private madeFor = "";
  private gallery: HTMLElement = h("div");

  constructor(private me: Me, closed: () => void) {
    this.element.addEventListener("close", () => { this.id = null; closed(); });
    this.element.addEventListener("click", (event) => { if (event.target === this.element) this.element.close(); });
  }

  async open(id: string): Promise<void> {
    if (this.id === id) return;
    this.id = id;
    this.madeFor = "";
    this.gallery = h("div");
    await this.refresh();
    if (this.id && !this.element.open) this.element.showModal();
  }

  close(): void { if (this.element.open) this.element.close(); }

  heard(jobId: string): void { if (jobId === this.id) void this.refresh(); }

  async refresh(): Promise<void> {
    if (!this.id) return;
    if (this.isReading) { this.isStale = true; return; }
    this.isReading = true;
    try {
      this.show(await call<Job>(`/jobs/${encodeURIComponent(this.id)}`));
    } catch (error) {
      if (!this.element.open) fill(this.element, this.head((error as ApiError).message, null));
    } finally {
      this.isReading = false;
    }
    if (this.isStale) { this.isStale = false; setTimeout(() => void this.refresh(), 200); }
  }

  private head(title: string, job: Job | null): HTMLElement {
    return h("header", {},
      h("div", {}, job ? h("span", { class: `kind ${job.type}` }, label("type", job.type)) : null, h("h2", { id: "detail-title" }, title)),
      h("button", { class: "plain", "aria-label": t("close"), onclick: () => this.element.close() }, "✕"));
  }

  private show(job: Job): void {
    if (job.id !== this.id) return;
    const p = job.progress;
    const top = this.element.scrollTop;
    const focused = (document.activeElement as HTMLElement | null)?.className;
    const errors = p.errors ?? [];
    fill(this.element,
      this.head(job.name ?? job.id, job),
      h("div", { class: "state" }, h("span", { class: `chip ${job.status}` }, label("status", job.status)), h("b", { class: "percent" }, `${number(p.percent)} %`), this.stopButton(job)),
      bar(job), figures(job),
      job.error ? h("p", { class: "alert" }, job.error.message) : null,
      job.waitReason ? h("p", { class: "note" }, job.waitReason.message) : null,
      ...job.warnings.map((warning) => h("p", { class: "note" }, warning.message ?? warning.code)),
      this.facts(job),
      job.files?.length ? section(t("files"), h("ul", { class: "files" }, ...job.files.map((name) =>
        h("li", {}, h("a", { href: `${BASE}/jobs/${encodeURIComponent(job.id)}/files/${encodeURIComponent(name)}`, download: name }, `↓ ${name}`))))) : null,
      this.gallery,
      errors.length ? section(`${t("errors")} · ${t("newest", { n: errors.length, total: number(p.errorCount) })}`, h("ul", { class: "errors" }, ...errors.map((error) =>
        h("li", {}, h("b", {}, error.itemName || error.itemId), h("code", {}, error.code), h("span", {}, error.message))))) : null,
      job.result ? section(t("result"), h("pre", {}, JSON.stringify(job.result, null, 2))) : null,
      section(t("params"), h("pre", {}, JSON.stringify(job.params, null, 2))));
    this.element.scrollTop = top;
    if (focused) this.element.querySelector<HTMLElement>(`.${focused.split(" ")[0]}`)?.focus();
    this.showMade(job);
  }

  private stopButton(job: Job): HTMLElement | null {
    if (["completed", "failed", "cancelled"].includes(job.status) || this.me.role === "viewer") return null;
    return h("button", { class: "stop", disabled: job.cancelRequested, onclick: () =>
      void post<Job>(`/jobs/${encodeURIComponent(job.id)}/cancel`).then((now) => this.show(now), () => this.refresh()) },
    job.cancelRequested ? t("cancelling") : t("cancel"));
  }

  private facts(job: Job): HTMLElement {
    const p = job.progress;
    const took = job.startedAt && job.finishedAt ? duration((Date.parse(job.finishedAt) - Date.parse(job.startedAt)) / 1000) : null;
    const rows: [string, string | null][] = [
      [t("id"), job.id], [t("current"), job.status === "active" ? p.currentItem : null], [t("inHand"), job.inHand ? number(job.inHand) : null],
      [t("done"), number(p.completed)], [t("priority"), label("priority", job.priority)],
      [t("created"), `${time(job.createdAt)}${job.createdBy ? ` · ${job.createdBy}` : ""}`],
      [t("begun"), job.startedAt && time(job.startedAt)], [t("ended"), job.finishedAt && time(job.finishedAt)], [t("took"), took],
    ];
    return h("dl", {}, ...rows.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  private showMade(job: Job): void {
    const key = `${job.id} ${job.status} ${Math.floor(job.progress.percent / 25)}`;
    if (!this.me.links.words || key === this.madeFor) return;
    this.madeFor = key;
    void made(job, this.me.links.words).then((content) => { if (content && job.id === this.id) fill(this.gallery, section(t("made"), content)); }, () => undefined);
  }
}

function section(title: string, content: HTMLElement): HTMLElement {
  return h("section", {}, h("h3", {}, title), content);
}
