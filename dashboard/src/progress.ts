// One job's progress as a bar and a line of figures, in the list and in the details.

import { h } from "./dom";
import { duration, number, t } from "./text";
import type { Job } from "./types";

export function bar(job: Job): HTMLElement {
  const { total, percent } = job.progress;
  const known = total !== null || job.status !== "active";
  return h("progress", { class: `bar ${job.status}`, max: 100, ...(known ? { value: percent } : {}), "aria-label": `${job.name ?? job.id}: ${percent} %` });
}

export function figures(job: Job): HTMLElement {
  const p = job.progress;
  const settled = p.completed + p.failed + p.skipped;
  const isRunning = job.status === "active";
  return h("p", { class: "figures" },
    h("span", {}, p.total === null ? t("unknownTotal") : t("ofAll", { done: number(settled), total: number(p.total) })),
    isRunning && p.itemsPerSecond ? h("span", {}, `${number(p.itemsPerSecond)}${t("perSecond")}`) : null,
    isRunning && p.etaSeconds ? h("span", {}, `${duration(p.etaSeconds)} ${t("left")}`) : null,
    p.skipped ? h("span", {}, `${number(p.skipped)} ${t("skipped")}`) : null,
    p.failed ? h("span", { class: "bad" }, `${number(p.failed)} ${t("failed")}`) : null);
}
