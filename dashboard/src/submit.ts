// A small form for each job type that this page knows.

import { ApiError, post } from "./api";
import { fill, h } from "./dom";
import { label, t } from "./text";
import type { JobType, Me } from "./types";

const ROLES = ["viewer", "operator", "admin"];
const LEVELS = ["A1", "A2", "B1", "B2", "C1", "C2"];
const STYLES = ["minimal", "cartoon", "anime", "realistic", "watercolor"];
const PRIORITIES = ["normal", "critical", "high", "low"];

type Form = { fields: () => HTMLElement[]; read: (form: FormData) => unknown };

const word = (data: FormData): Record<string, unknown> => ({ ...(data.get("level") ? { level: data.get("level") } : {}), ...(data.get("q") ? { q: data.get("q") } : {}) });
const general = (data: FormData): Record<string, unknown> => ({ priority: data.get("priority"), ...(data.get("name") ? { name: data.get("name") } : {}) });
const wordFields = (): HTMLElement[] => [select("level", t("level"), ["", ...LEVELS], (value) => value || t("anyLevel")), field(t("search"), h("input", { name: "q", maxlength: 200 }))];

const FORMS: Record<string, Form> = {
  "content-generation": {
    fields: () => [...wordFields(), check("etymology", t("etymology")), check("regenerate", t("regenerate"))],
    read: (data) => ({ ...general(data), filter: word(data), regenerate: data.has("regenerate"), options: { generateEtymology: data.has("etymology") } }),
  },
  "image-generation": {
    fields: () => [...wordFields(), select("style", t("style"), STYLES), check("regenerate", t("regenerate"))],
    read: (data) => ({ ...general(data), filter: word(data), style: data.get("style"), regenerate: data.has("regenerate") }),
  },
  "batch-import": {
    fields: () => [field(t("file"), h("input", { type: "file", name: "file", accept: ".csv,text/csv", required: true }))],
    read: (data) => data,
  },
  export: { fields: wordFields, read: (data) => ({ ...general(data), format: "csv", encoding: "utf-8-sig", filter: word(data) }) },
  cleanup: {
    fields: () => [select("what", t("what"), ["jobs", "files", "orphans", "versions"]), field(t("olderThan"), h("input", { type: "number", name: "days", min: 0, value: 1, required: true }))],
    read: (data) => ({ ...general(data), what: [data.get("what")], olderThanSeconds: Number(data.get("days")) * 86400 }),
  },
};

export function submitPanel(types: JobType[], me: Me): HTMLElement | null {
  const known = types.filter((type) => FORMS[type.name] && ROLES.indexOf(me.role) >= ROLES.indexOf(type.role));
  if (!known.length) return null;
  const body = h("div", { class: "fields" });
  const said = h("p", { class: "said", role: "status" });
  const chooser = h("div", { class: "tabs", role: "group", "aria-label": t("newJob") }, ...known.map((type) =>
    h("button", { type: "button", "data-type": type.name, onclick: () => choose(type.name) }, label("type", type.name))));
  let chosen = "";

  function choose(name: string): void {
    chosen = name;
    fill(said);
    for (const button of chooser.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.type === name));
    fill(body, ...FORMS[name]!.fields(), select("priority", t("priority"), PRIORITIES, (value) => label("priority", value)), field(t("name"), h("input", { name: "name", maxlength: 200 })),
      h("button", { class: "primary", type: "submit" }, t("start")));
  }

  async function send(event: Event): Promise<void> {
    event.preventDefault();
    const button = body.querySelector<HTMLButtonElement>("button.primary")!;
    button.disabled = true;
    try {
      const job = await post<{ jobId: string; totalWords?: number; totalItems?: number | null; warnings: { message?: string; code: string }[] }>(
        `/jobs/${chosen}`, FORMS[chosen]!.read(new FormData(form)));
      said.className = "said";
      fill(said, `${t("started")}: `, h("a", { href: `#${job.jobId}` }, job.jobId), ...job.warnings.map((warning) => h("span", {}, ` ${warning.message ?? warning.code}`)));
    } catch (error) {
      said.className = "said bad";
      const { message, details } = error as ApiError;
      fill(said, message, details?.length ? h("small", {}, ` (${details.map((detail) => detail.field).filter(Boolean).join(", ")})`) : null);
    } finally {
      button.disabled = false;
    }
  }

  const form = h("form", { onsubmit: send }, body);
  choose(known[0]!.name);
  return h("details", { class: "panel submit" }, h("summary", {}, t("newJob")), chooser, form, said);
}

function field(name: string, input: HTMLElement): HTMLElement { return h("label", {}, h("span", {}, name), input); }

function check(name: string, text: string): HTMLElement { return h("label", { class: "check" }, h("input", { type: "checkbox", name }), h("span", {}, text)); }

function select(name: string, text: string, values: string[], show: (value: string) => string = (value) => value): HTMLElement {
  return field(text, h("select", { name }, ...values.map((value) => h("option", { value }, show(value)))));
}
