"""What the sign-in page says, in English and Korean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LANGUAGES = {"en": "English", "ko": "한국어"}


@dataclass(frozen=True)
class Text:
    title: str
    lead: str
    key: str
    hint: str
    button: str
    link: str
    link_command: str  #: what stands after the command's name
    notices: Mapping[str, str]  #: by reason


EN = Text(
    title="Sign in",
    lead="The dashboard of vocaqueue shows and steers bulk jobs.",
    key="Key",
    hint="An API key (vqk_…), or the admin key that the first start kept in var/admin.key.",
    button="Sign in",
    link="No key at hand? ",
    link_command=" prints a link that signs you in once.",
    notices={
        "incomplete": "This is no key that is known here. An API key reads vqk_… and is 66 characters long; "
        "was it copied in full?",
        "mistyped": "This API key is mistyped: its checksum does not fit. Copy it again.",
        "unknown": "This API key is not known here. Is it of another system, or was it taken away?",
        "revoked": "This API key was revoked. Ask an admin for a new one.",
        "expired": "This API key has expired. Ask an admin for a new one.",
        "used_link": "This link does not sign you in: it works once, for twelve hours. "
        "Start vocaqueue again for a new one, or use a key.",
        "elsewhere": "The form was sent from another page, or it is too old. Try again here.",
        "too_many": "Too many wrong keys. Try again in {seconds} seconds.",
        "store_away": "The job store does not answer, so nobody can sign in. Try again in a few seconds.",
        "store_away_link": "The job store does not answer, so nobody can sign in. Your link was not used; "
        "open it again in a few seconds.",
        "keys_away": "The database that keeps the API keys does not answer. Try again in a few seconds, "
        "or use the admin key.",
    },
)
KO = Text(
    title="로그인",
    lead="vocaqueue 대시보드에서 대량 작업을 보고 조정합니다.",
    key="키",
    hint="API 키(vqk_…) 또는 첫 시작 때 var/admin.key에 저장된 관리자 키를 입력하세요.",
    button="로그인",
    link="키가 없나요? ",
    link_command="를 실행하면 한 번만 쓸 수 있는 로그인 링크가 출력됩니다.",
    notices={
        "incomplete": "알 수 없는 키입니다. API 키는 vqk_로 시작하고 66자입니다. 전부 복사했는지 확인하세요.",
        "mistyped": "API 키가 잘못 입력되었습니다. 체크섬이 맞지 않으니 다시 복사하세요.",
        "unknown": "이 시스템에 없는 API 키입니다. 다른 시스템의 키이거나 삭제된 키일 수 있습니다.",
        "revoked": "폐기된 API 키입니다. 관리자에게 새 키를 요청하세요.",
        "expired": "만료된 API 키입니다. 관리자에게 새 키를 요청하세요.",
        "used_link": "이 링크로는 로그인할 수 없습니다. 링크는 12시간 안에 한 번만 쓸 수 있습니다. "
        "vocaqueue를 다시 시작해 새 링크를 받거나 키를 사용하세요.",
        "elsewhere": "다른 페이지에서 보냈거나 너무 오래된 양식입니다. 여기서 다시 시도하세요.",
        "too_many": "잘못된 키를 너무 많이 입력했습니다. {seconds}초 후에 다시 시도하세요.",
        "store_away": "작업 저장소가 응답하지 않아 로그인할 수 없습니다. 잠시 후 다시 시도하세요.",
        "store_away_link": "작업 저장소가 응답하지 않아 로그인할 수 없습니다. 링크는 아직 사용되지 않았으니 "
        "잠시 후 다시 열어 주세요.",
        "keys_away": "API 키를 보관하는 데이터베이스가 응답하지 않습니다. "
        "잠시 후 다시 시도하거나 관리자 키를 사용하세요.",
    },
)
TEXTS = {"en": EN, "ko": KO}
