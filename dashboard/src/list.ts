// The list of jobs, newest first. A row keeps its element, so that focus and scrolling stay while numbers change.

import { fill, h } from "./dom";
import { bar, figures } from "./progress";
import { label, number, t, time } from "./text";
import type { Job } from "./types";

export class JobList {
  readonly element = h("ol", { class: "jobs" });
  private rows = new Map<string, { row: HTMLElement; link: HTMLElement; shown: string }>();

  show(jobs: Job[]): void {
    const ids = new Set(jobs.map((job) => job.id));
    for (const [id, { row }] of this.rows) if (!ids.has(id)) { row.remove(); this.rows.delete(id); }
    let before: Element | null = this.element.firstElementChild;
    if (!jobs.length) { fill(this.element, h("li", { class: "empty" }, t("noJobs"))); return; }
    this.element.querySelector(".empty")?.remove();
    before = this.element.firstElementChild;
    for (const job of jobs) {
      const row = this.update(job);
      if (row === before) before = row.nextElementSibling;
      else this.element.insertBefore(row, before);
    }
  }

  update(job: Job): HTMLElement {
    let known = this.rows.get(job.id);
    if (!known) {
      const link = h("a", { href: `#${job.id}`, class: "job", "data-job": job.id });
      known = { row: h("li", {}, link), link, shown: "" };
      this.rows.set(job.id, known);
    }
    const shown = JSON.stringify([job.status, job.progress, job.cancelRequested]);
    if (shown !== known.shown) {
      known.shown = shown;
      fill(known.link,
        h("span", { class: "head" },
          h("span", { class: `kind ${job.type}` }, label("type", job.type)),
          h("strong", {}, job.name ?? job.id),
          h("span", { class: `chip ${job.status}` }, job.cancelRequested && job.status === "active" ? t("cancelling") : label("status", job.status))),
        bar(job),
        h("span", { class: "foot" }, figures(job),
          h("span", { class: "when" }, job.status === "active" ? h("b", {}, `${number(job.progress.percent)} %`) : h("time", { datetime: job.createdAt }, time(job.createdAt)))));
    }
    return known.row;
  }
}
