// What the page says, in Korean and English.

const EN = {
  live: "Live", reconnecting: "Reconnecting…", away: "Job store away, numbers are old", signOut: "Sign out", jobs: "Jobs", newJob: "New job",
  noJobs: "No jobs yet. Start one above, or with the vocaqueue command.", all: "All", more: "Show more", close: "Close", cancel: "Cancel job", cancelling: "Stopping…",
  start: "Start", started: "Started", words: "words", items: "items", perSecond: "/s", left: "left", failed: "failed", skipped: "skipped", done: "done", inHand: "in hand",
  errors: "Failures", newest: "newest {n} of {total}", result: "Result", params: "Parameters", files: "Files", warnings: "Notes", made: "What was made",
  created: "Created", begun: "Started", ended: "Ended", priority: "Priority", by: "by", current: "Now at", why: "Why", id: "Id", took: "Took",
  level: "Level", anyLevel: "All levels", style: "Style", file: "CSV file (UTF-8)", search: "Word or meaning", regenerate: "Make again what is there", onlyMissing: "Only what is missing",
  name: "Name (optional)", olderThan: "Older than days", etymology: "Etymology too", what: "Take away",
  signInTitle: "You are not signed in", signIn: "Open the sign-in link that vocaqueue printed when it started. It works once; starting again prints a new one:",
  unreachable: "The server does not answer. This page tries again by itself.",
  source: "Source", nothing: "nothing", ofAll: "{done} of {total}", unknownTotal: "reading…",
  "type.image-generation": "Pictures", "type.content-generation": "Content", "type.batch-import": "Import", "type.export": "Export", "type.cleanup": "Cleanup",
  "status.waiting": "Waiting", "status.active": "Active", "status.delayed": "Delayed", "status.paused": "Paused", "status.completed": "Completed", "status.failed": "Failed", "status.cancelled": "Cancelled",
  "priority.critical": "critical", "priority.high": "high", "priority.normal": "normal", "priority.low": "low",
  "field.definition": "Definition", "field.examples": "Examples", "field.mnemonic": "Mnemonic", "field.etymology": "Etymology",
};

const KO: typeof EN = {
  live: "실시간", reconnecting: "다시 연결 중…", away: "작업 저장소 응답 없음 (이전 수치)", signOut: "로그아웃", jobs: "작업", newJob: "새 작업",
  noJobs: "아직 작업이 없습니다. 위에서 시작하거나 vocaqueue 명령을 쓰세요.", all: "전체", more: "더 보기", close: "닫기", cancel: "작업 취소", cancelling: "멈추는 중…",
  start: "시작", started: "시작했습니다", words: "단어", items: "항목", perSecond: "/초", left: "남음", failed: "실패", skipped: "건너뜀", done: "완료", inHand: "처리 중",
  errors: "실패", newest: "전체 {total}건 중 최근 {n}건", result: "결과", params: "매개변수", files: "파일", warnings: "알림", made: "만들어진 것",
  created: "생성", begun: "시작", ended: "종료", priority: "우선순위", by: "", current: "현재 항목", why: "이유", id: "ID", took: "걸린 시간",
  level: "레벨", anyLevel: "모든 레벨", style: "스타일", file: "CSV 파일 (UTF-8)", search: "단어 또는 뜻", regenerate: "있는 것도 다시 만들기", onlyMissing: "없는 것만",
  name: "이름 (선택)", olderThan: "경과 일수", etymology: "어원도", what: "지울 것",
  signInTitle: "로그인이 필요합니다", signIn: "vocaqueue가 시작할 때 출력한 로그인 링크를 여세요. 링크는 한 번만 쓸 수 있으며, 다시 시작하면 새 링크가 나옵니다:",
  unreachable: "서버가 응답하지 않습니다. 이 페이지가 자동으로 다시 시도합니다.",
  source: "출처", nothing: "없음", ofAll: "{done} / {total}", unknownTotal: "읽는 중…",
  "type.image-generation": "이미지 생성", "type.content-generation": "콘텐츠 생성", "type.batch-import": "가져오기", "type.export": "내보내기", "type.cleanup": "정리",
  "status.waiting": "대기", "status.active": "진행 중", "status.delayed": "지연", "status.paused": "일시정지", "status.completed": "완료", "status.failed": "실패", "status.cancelled": "취소됨",
  "priority.critical": "긴급", "priority.high": "높음", "priority.normal": "보통", "priority.low": "낮음",
  "field.definition": "정의", "field.examples": "예문", "field.mnemonic": "연상법", "field.etymology": "어원",
};

export const LANGUAGE = navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en";
const WORDS: Record<string, string> = LANGUAGE === "ko" ? KO : EN;

export function t(key: keyof typeof EN, values: Record<string, string | number> = {}): string {
  return (WORDS[key] ?? key).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

// A label for a value of the server; one that we do not know is shown as it is.
export const label = (group: "type" | "status" | "priority" | "field", value: string): string => WORDS[`${group}.${value}`] ?? value;

const numbers = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 1 });
export const number = (value: number): string => numbers.format(value);

export function duration(seconds: number): string {
  const s = Math.round(seconds);
  const parts = [Math.floor(s / 3600), Math.floor((s % 3600) / 60), s % 60];
  const units = LANGUAGE === "ko" ? ["시간", "분", "초"] : ["h", "min", "s"];
  const from = parts.findIndex((part) => part > 0);
  if (from < 0) return `0${LANGUAGE === "ko" ? "" : " "}${units[2]}`;
  return parts.slice(from, from + 2).map((part, i) => `${part}${LANGUAGE === "ko" ? "" : " "}${units[from + i]}`).join(" ");
}

export const time = (iso: string): string =>
  new Date(iso).toLocaleString(LANGUAGE, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
