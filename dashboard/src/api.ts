// Calls to the API. The page lies at {base}/ui/, so {base} is one level up.

export const BASE = new URL("..", location.href).pathname.replace(/\/$/, "");

export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string, readonly details: { field: string; message: string }[]) {
    super(message);
  }
}

export async function call<T>(path: string, options: RequestInit = {}): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path.startsWith("/api") || path === "/logout" ? path : BASE + path, { cache: "no-store", ...options });
  } catch {
    throw new ApiError(0, "unreachable", "The server does not answer.", []);
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok && body?.success) return body.data as T;
  const error = body?.error ?? {};
  throw new ApiError(answer.status, error.code ?? "error", error.message ?? `HTTP ${answer.status}`, error.details ?? []);
}

export const post = <T>(path: string, body: unknown = {}): Promise<T> =>
  body instanceof FormData
    ? call<T>(path, { method: "POST", body })
    : call<T>(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
