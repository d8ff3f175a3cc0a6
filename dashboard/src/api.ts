// Calls to the API. The page lies at {base}/ui/, so {base} is one level up.

export const BASE = new URL("..", location.href).pathname.replace(/\/$/, "");

// An address of the host's own, such as those in the links of /me; a plain path is below BASE.
export const outside = (address: string): URL => new URL(address, location.href);

export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string, readonly details: { field: string; message: string }[]) {
    super(message);
  }
}

export async function call<T>(path: string | URL, options: RequestInit = {}): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path instanceof URL ? path : BASE + path, { cache: "no-store", ...options });
  } catch {
    throw new ApiError(0, "unreachable", "The server does not answer.", []);
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok && body?.success) return body.data as T;
  const error = body?.error ?? {};
  throw new ApiError(answer.status, error.code ?? "error", error.message ?? `HTTP ${answer.status}`, error.details ?? []);
}

export const post = <T>(path: string | URL, body: unknown = {}): Promise<T> =>
  body instanceof FormData
    ? call<T>(path, { method: "POST", body })
    : call<T>(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
