// Some of what a word job made: pictures, or texts with where they come from.

import { call, outside } from "./api";
import { h } from "./dom";
import { label, t } from "./text";
import type { Job, Page, WholeWord, WordRow } from "./types";

const PICTURES = 12;
const WORDS = 4;

export async function made(job: Job, words: string): Promise<HTMLElement | null> {
  if (job.type !== "image-generation" && job.type !== "content-generation") return null;
  const rows = (await call<Page<WordRow>>(outside(`${words}?${filterOf(job)}`))).items;
  return job.type === "image-generation" ? pictures(job, rows, words) : texts(job, rows, words);
}

function filterOf(job: Job): URLSearchParams {
  const query = new URLSearchParams({ limit: "100" });
  for (const [name, value] of Object.entries((job.params.filter as Record<string, unknown> | null) ?? {}))
    if (name !== "missing" && value && String(value)) query.set(name, String(value));
  return query;
}

function pictures(job: Job, rows: WordRow[], words: string): HTMLElement | null {
  const found = rows.flatMap((row) => row.images.filter((image) => image.jobId === job.id).map((image) => ({ row, image }))).slice(0, PICTURES);
  if (!found.length) return null;
  return h("ul", { class: "gallery" }, ...found.map(({ row, image }) => h("li", {}, h("img", {
    src: `${words}/${encodeURIComponent(row.id)}/image?${new URLSearchParams({ style: image.style, size: image.size, v: String(image.version) })}`,
    alt: `${row.word}: ${row.meaning}`, loading: "lazy", width: 160, height: 160 }))));
}

async function texts(job: Job, rows: WordRow[], words: string): Promise<HTMLElement | null> {
  const found: HTMLElement[] = [];
  for (const row of rows.filter((one) => Object.values(one.contents).some((status) => status !== "unavailable")).slice(0, 30)) {
    const word = await call<WholeWord>(outside(`${words}/${encodeURIComponent(row.id)}`));
    const fields = Object.entries(word.contents).filter(([, content]) => content.jobId === job.id && content.status !== "unavailable");
    if (!fields.length) continue;
    found.push(h("li", {}, h("h4", {}, word.word, h("small", {}, `${word.meaning} · ${word.pos}`)),
      h("dl", {}, ...fields.flatMap(([name, content]) => [h("dt", {}, label("field", name)), h("dd", {}, ...lines(content.value).map((line) => h("p", {}, line)),
        h("small", {}, `${t("source")}: ${String(content.provenance.source ?? content.provider)}`))]))));
    if (found.length === WORDS) break;
  }
  return found.length ? h("ul", { class: "texts" }, ...found) : null;
}

// A field is a text, a list of texts, or an object with one; what else it holds is in its provenance.
function lines(value: unknown): string[] {
  if (value === null || value === undefined) return [];
  if (typeof value !== "object") return [String(value)];
  if (Array.isArray(value)) return value.flatMap(lines);
  const object = value as Record<string, unknown>;
  const text = object.text ?? object.sentence ?? object.gloss ?? object.definition ?? object.value;
  return text === undefined ? Object.values(object).filter((part) => typeof part === "string").map(String) : lines(text);
}
