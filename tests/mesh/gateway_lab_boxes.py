"""The document's boxes and challenges, and what on the rig, or elsewhere, shows each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SHOWN: Mapping[str, Sequence[str]] = {
    "JWT 토큰 생성 및 검증 동작": (
        "a token opens the services, and tells them who calls",
        "a bad token: foreign",
        "a bad token: expired",
    ),
    "Rate Limiting 정책 적용 확인": (
        "test_a_consumer_gets_what_the_minute_has_and_is_told_when_to_come_again",
        "test_both_limits_hold_and_are_told",
        "test_the_hours_thousand_are_all_even_while_the_minute_has_room",
    ),
    "분산 추적 데이터 수집": ("test_a_request_through_the_gateway_is_one_trace",),
    "로그 분석": ("test_a_line_of_the_access_log_is_searched_by_its_fields", "test_it_leads_to_its_trace"),
    "CORS 정책 동작 검증": ("a page asks whether it may call", "another page may not"),
    "인증 없는 요청 차단 확인": ("user-service: without a token, one is asked for", "without a token, by POST"),
    "로드밸런싱 가중치 동작": ("test_weights_are_the_documents",),
    "카나리 배포 트래픽 분산": ("a tester asks for the new release", "test_weights_are_the_documents"),
    "헬스체크 기반 자동 복구": ("test_a_failing_pod_is_set_aside_and_comes_back",),
    "서킷 브레이커 동작 확인": (
        "test_the_circuit_breaker_answers_what_is_too_much_at_once",
        "test_when_all_are_out_the_answer_says_so",
    ),
    "서비스 다운 시 자동 failover": ("test_a_pod_that_is_gone_is_seen_by_no_reader",),
    "재시도 정책 동작": ("a read that is refused twice is sent again", "a write that fails is sent once"),
    "타임아웃 설정 적용": ("an answer that takes more than five seconds is not waited for",),
    "mTLS 구현": (
        "services are called in plain text",
        "a client's word about its certificate goes no further",
        "on the port of clients with a certificate a token opens the same",
        "test_a_listener_of_its_own_verifies_them",
        "test_the_port_of_all_has_no_way_to_it",
    ),
    "API 키 관리": (
        "a key opens what its consumer is given, and says who calls",
        "the key before it holds as long as both are named",
        "a key that was taken out",
        "another's name beside a key",
        "test_a_key_holder_has_one_minute_for_all_its_keys",
        "test_no_page_of_the_gateway_shows_a_key",
    ),
    "IP 화이트리스트": ("an admin, from a listed address", "an admin, from another address"),
    "요청 크기 제한": ("a mebibyte", "a byte more"),
    "캐싱 전략": (
        "a read of products comes by the cache",
        "test_everybodys_answer_is_asked_for_once_by_each_pod",
        "test_a_users_own_answer_is_asked_for_each_time",
        "test_who_asks_for_a_purge_from_outside_purges_nothing",
        "what could sway an answer that all get stays here",
        "test_anything_else_is_asked_for_each_time",
        "test_a_path_is_taken_back_with_all_its_queries_and_variants",
    ),
    "압축 설정": ("test_gzip_saves_bandwidth", "test_brotli_too"),
    "CDN 연동": (
        "test_files_are_kept_by_cloudfront_by_cloudfronts_own_policy",
        "test_that_distribution_alone_reads_the_bucket",
    ),
    "연결 풀링": ("test_connections_to_services_are_kept",),
    "Prometheus 메트릭 수집 동작": ("test_the_walk_shows_every_checkpoint_and_leaves_nothing_running",),
    "서비스별 메트릭 시각화": ("test_the_walk_shows_every_checkpoint_and_leaves_nothing_running",),
    "Grafana 대시보드 접근 가능": ("test_there_is_a_dashboard_of_the_services_and_one_of_the_business",),
    "대시보드 커스터마이징": ("test_there_is_a_dashboard_of_the_services_and_one_of_the_business",),
    "커스텀 메트릭": ("test_there_is_a_dashboard_of_the_services_and_one_of_the_business",),
    "알림 규칙 동작 확인": ("test_an_alert_fires_when_it_should_and_stays_quiet_next_to_it",),
    "알림 규칙": ("test_alerts_go_to_slack_and_by_mail",),
}
"""Names of cases, of mutations, or of tests."""

OPEN: Mapping[str, str] = {}
"""What nothing shows yet, and why: docs/systems/gateway_lab.md says the same."""
