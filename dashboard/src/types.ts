// The shapes of the API that this page reads.

export type Status = "waiting" | "active" | "delayed" | "paused" | "completed" | "failed" | "cancelled";
export const STATUSES: Status[] = ["active", "waiting", "delayed", "paused", "completed", "failed", "cancelled"];

export interface ItemError { itemId: string; itemName: string; code: string; message: string; timestamp: string; attempts: number }
export interface Progress {
  total: number | null; completed: number; failed: number; skipped: number; percent: number;
  currentItem: string | null; itemsPerSecond: number | null; etaSeconds: number | null; errorCount: number; errors?: ItemError[];
}
export interface Job {
  id: string; type: string; name: string | null; status: Status; priority: string; params: Record<string, unknown>;
  createdBy: string | null; createdAt: string; startedAt: string | null; finishedAt: string | null;
  waitReason: { code: string; message: string } | null; inHand: number; cancelRequested: boolean; progress: Progress;
  result: unknown; error: { code: string; message: string } | null; warnings: { message?: string; code: string }[]; files?: string[];
}
export type Stats = Record<Status, number> & { isPaused: boolean };
export interface Page<T> { items: T[]; page: number; limit: number; total: number; totalPages: number }
export interface Me { id: string; name: string; role: "viewer" | "operator" | "admin"; via: string; links: { words?: string; login?: string; logout?: string } }
export interface JobType { name: string; role: Me["role"]; params: { properties: Record<string, unknown> } }
export interface Picture { style: string; styleApplied: string; size: string; version: number; jobId: string | null }
export interface WordRow { id: string; word: string; meaning: string; pos: string; level: string; contents: Record<string, string>; images: Picture[] }
export interface Content { value: unknown; status: string; provider: string; provenance: Record<string, unknown>; jobId: string | null }
export interface WholeWord extends Omit<WordRow, "contents"> { contents: Record<string, Content> }
export interface StreamEvent { jobId?: string; status?: Status; progress?: Progress; message?: string }
