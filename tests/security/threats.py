"""Which test stands against which threat: checked by `test_threats.py`, and the source of the table in SECURITY.md.

Run the proofs of some threats by ``make attacks ARGS="T05 T20"``, all of them by ``make attacks``.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent.parent


@dataclass(frozen=True)
class Threat:
    """One way to attack.

    Attributes:
        title: What somebody tries, as SECURITY.md says it.
        proofs: Tests that show what comes of it: ``path/below/tests.py::test_name``.
        not_applicable: Why the threat, or the part of it that is named here, cannot happen in this product.
        pending: Parts that have no proof yet, by a name of their own; see `END_USER_PROOFS`.
    """

    title: str
    proofs: tuple[str, ...] = ()
    not_applicable: str = ""
    pending: tuple[str, ...] = ()


# Proofs of the parts that are about end users and their links: ``{"name of the part": (node ids)}``.
_LINKS = "integration/test_connect_links.py::"
_PUBLIC = "pages/test_public_pages.py::"
_MATRIX = "integration/test_access_matrix.py::"
_ENTERED = "unit/test_entered_fields.py::"
_IDENTITY = "unit/test_end_user_identity.py::"
_RETURN = "unit/test_return_urls.py::"
END_USER_PROOFS: dict[str, tuple[str, ...]] = {
    "T01 end users: the redirect URI of a consent that a link has begun is its service's own": (
        f"{_PUBLIC}test_nothing_comes_from_what_a_request_says_of_its_address",
        f"{_PUBLIC}test_a_callback_in_another_browser_is_refused",
    ),
    "T02 end users: a link that another person opens does not connect that person's account": (
        f"{_PUBLIC}test_a_link_that_somebody_else_opens_connects_nothing_for_its_user",
        f"{_LINKS}test_nothing_is_connected_before_the_right_user_has_signed_in",
        f"{_LINKS}test_what_a_link_gave_is_held_until_the_host_application_fetches_it_for_its_user",
        f"{_LINKS}test_what_somebody_else_went_through_with_is_dropped",
        "integration/test_held_grants.py::test_what_is_held_is_nobodys_until_it_is_released_once",
        "integration/test_held_grants.py::test_what_was_given_to_another_application_is_never_kept",
    ),
    "T09 end users: return addresses are the workspace's own": (
        f"{_RETURN}test_anything_else_is_refused",
        f"{_RETURN}test_whatever_is_accepted_is_on_the_same_origin_and_below",
        f"{_PUBLIC}test_no_other_way_back_is_taken",
    ),
    "T14 end users: links are for one use, short, hashed, revocable, and no GET uses them up": (
        f"{_LINKS}test_a_link_holds_256_bits_of_which_the_database_has_a_digest_alone",
        f"{_LINKS}test_looking_at_a_link_does_not_use_it",
        f"{_LINKS}test_of_many_browsers_at_once_one_takes_it",
        f"{_LINKS}test_an_expired_a_revoked_and_a_used_link_say_so",
        f"{_PUBLIC}test_programs_that_follow_links_do_not_use_them_up",
        f"{_PUBLIC}test_a_link_belongs_to_the_browser_that_took_it",
        f"{_PUBLIC}test_a_link_that_is_taken_back_on_the_way_asks_the_service_for_nothing",
    ),
    "T17 end users: workspaces, end users, links, keys and accounts of others do not exist": (
        f"{_MATRIX}test_everybody_sees_its_own_accounts_and_no_others",
        f"{_MATRIX}test_nobody_changes_what_is_not_theirs",
        f"{_MATRIX}test_a_host_application_reaches_its_own_workspace_alone",
        f"{_MATRIX}test_links_are_seen_taken_back_and_followed_by_their_own_user_alone",
        f"{_MATRIX}test_every_users_tasks_get_their_own_key",
        "integration/test_end_users.py::test_ids_that_look_alike_are_different_users",
    ),
    "T19 end users: tokens, hashes and secrets of host applications": (
        f"{_IDENTITY}test_another_hash_is_refused_whatever_it_is",
        f"{_IDENTITY}test_a_header_that_says_anything_but_hs256_is_refused",
        "integration/test_host_api.py::test_an_unknown_app_key_costs_what_a_wrong_secret_costs",
        "integration/test_host_api.py::test_whoever_is_not_known_gets_one_answer_and_learns_nothing",
    ),
    "T22 end users: URLs that end users type are public https ones": (
        f"{_ENTERED}test_a_base_url_that_is_not_public_https_is_refused",
        f"{_ENTERED}test_a_public_base_url_is_taken_and_held_to_public_addresses",
        "integration/test_entered.py::test_a_name_that_leads_into_a_private_network_is_not_called",
    ),
}

_CALLBACKS = "integration/test_callbacks.py::"
_CALLBACKS1 = "integration/test_callbacks_oauth1.py::"
_HOSTS = "integration/test_session_hosts.py::"
_TYPES = "integration/test_connection_types.py::"
_WIDE = "integration/test_wide_oauth2.py::"
_TOKENS = "integration/test_tokens.py::"
_SESSION = "integration/test_session.py::"
_SECRETS = "integration/test_secrets_stay_secret.py::"
_COMMANDS = "integration/test_command_line.py::"
_REVOKE = "integration/test_revoke.py::"
_PROOFS = "broker/test_proofs.py::"
_PAGES = "pages/test_routes.py::"
_CHANGES = "pages/test_state_changes.py::"
_RIGHTS = "pages/test_permissions.py::"
_LOST = "broker/test_lost_answers.py::"
_ROWS = "broker/test_rows_change.py::"
_STAMPEDE = "broker/test_stampede.py::"
_PKCE = "unit/test_pkce.py::"
_CODE = "unit/test_authorization_code.py::"
_JWT = "unit/test_jwt.py::"
_CRYPTO = "unit/test_crypto.py::"
_DOCUMENT = "unit/connectors/test_connector_document.py::"
_FIELDS = "contract/test_connection_fields.py::"
_HEADERS = "integration/test_secret_headers.py::"
_FROZEN = "broker/test_frozen_holder.py::"
_S = "security/"

THREATS: dict[str, Threat] = {
    "T01": Threat(
        "one service's answer is sent to another one's token endpoint (COAT, CORF)",
        (
            f"{_S}test_t01_t13_consent.py::test_t01_a_service_that_sends_people_on_to_another_one_gains_nothing",
            f"{_S}test_t01_t13_consent.py::test_t01_a_stolen_answer_is_of_no_use_at_the_thiefs_own_address",
            f"{_CALLBACKS}test_the_redirect_uri_is_another_one_for_each_server_and_the_same_for_clients_of_one",
            f"{_CALLBACKS}test_a_callback_that_fits_nothing_is_refused",
        ),
        pending=("T01 end users: the redirect URI of a consent that a link has begun is its service's own",),
    ),
    "T02": Threat(
        "somebody begins an authorization and has somebody else finish it (COSF)",
        (
            f"{_S}test_t01_t13_consent.py::test_t02_a_consent_page_that_is_sent_to_somebody_else_connects_nobody",
            f"{_CALLBACKS}test_a_callback_without_the_cookie_of_its_browser_is_refused",
            f"{_CALLBACKS1}test_a_callback_from_another_browser_is_refused",
            f"{_CHANGES}test_no_get_changes_anything",
        ),
        pending=("T02 end users: a link that another person opens does not connect that person's account",),
    ),
    "T03": Threat(
        "a client assertion is used at another server (audience injection)",
        (
            f"{_WIDE}test_the_audience_of_an_assertion_is_the_issuer_as_one_text",
            "unit/test_client_assertion.py::test_the_audience_is_one_text",
            "unit/test_grants.py::test_the_audience_of_assertions_is_what_is_declared_then_the_issuer_then_the_endpoint",
            f"{_WIDE}test_every_assertion_is_good_for_one_use_and_each_has_its_own_jti",
        ),
    ),
    "T04": Threat(
        "the answer of another server is taken for ours (mix-up)",
        (
            f"{_CALLBACKS}test_a_bad_answer_ends_its_authorization_without_an_exchange",
            f"{_CODE}test_an_issuer_that_was_promised_has_to_be_named",
            "unit/test_discovery.py::test_the_issuer_has_to_be_the_same_to_the_letter",
        ),
    ),
    "T05": Threat(
        "a state is guessed, replayed, forged, doubled or too old",
        (
            f"{_CALLBACKS}test_a_callback_that_fits_nothing_is_refused",
            f"{_CALLBACKS}test_two_callbacks_at_the_same_moment_cause_one_exchange",
            f"{_CALLBACKS}test_a_callback_that_was_used_is_refused",
            f"{_CALLBACKS}test_a_callback_that_comes_too_late_is_refused",
            f"{_CALLBACKS1}test_a_callback_that_fits_nothing_is_refused",
            f"{_CALLBACKS1}test_two_callbacks_at_the_same_moment_cause_one_exchange",
        ),
    ),
    "T06": Threat(
        "a callback comes from another browser",
        (
            f"{_S}test_t01_t13_consent.py::test_t06_a_posted_answer_needs_the_cookie_as_well",
            f"{_CALLBACKS}test_a_callback_without_the_cookie_of_its_browser_is_refused",
            f"{_CALLBACKS1}test_a_callback_from_another_browser_is_refused",
        ),
    ),
    "T07": Threat(
        "the proof key is left out, guessed or made weaker",
        (
            f"{_PKCE}test_a_verifier_has_43_to_128_unreserved_characters",
            f"{_PKCE}test_s256_is_what_nobody_has_to_ask_for",
            f"{_PKCE}test_plain_is_used_only_where_it_is_declared",
            f"{_PKCE}test_a_verifier_is_drawn_anew_each_time",
            f"{_CODE}test_a_challenge_that_the_server_does_not_take_is_an_error_unless_another_is_declared",
            f"{_CODE}test_without_a_proof_key_no_challenge_is_sent",
            f"{_S}test_t01_t13_consent.py::test_t07_a_verifier_is_sent_where_a_challenge_was_and_nowhere_else",
        ),
    ),
    "T08": Threat(
        "a code of the attacker's is put beside the victim's state",
        (f"{_CALLBACKS}test_a_code_of_another_authorization_is_of_no_use_with_this_state",),
    ),
    "T09": Threat(
        "the browser is sent elsewhere afterwards (open redirect)",
        (
            f"{_CALLBACKS}test_nothing_in_a_callback_says_where_the_browser_goes",
            f"{_S}test_t01_t13_consent.py::test_t09_no_parameter_of_a_callback_is_an_address",
            f"{_PAGES}test_the_login_leads_back_to_the_page_that_was_asked_for",
        ),
        pending=("T09 end users: return addresses are the workspace's own",),
    ),
    "T10": Threat(
        "an error callback carries markup or a flood",
        (
            f"{_CALLBACKS}test_a_bad_answer_ends_its_authorization_without_an_exchange",
            f"{_S}test_t01_t13_consent.py::test_t10_what_an_error_says_is_escaped_short_and_spends_the_state",
            f"{_CALLBACKS}test_a_form_that_is_too_long_is_refused",
        ),
    ),
    "T11": Threat(
        "codes leak through Referer, history, caches or frames",
        (
            f"{_PAGES}test_every_answer_is_kept_from_caches_frames_and_referrers",
            f"{_PAGES}test_pages_hold_no_inline_script_or_style_and_load_nothing_from_elsewhere",
            f"{_S}test_t01_t13_consent.py::test_t11_a_callback_leads_to_a_clean_address",
        ),
    ),
    "T12": Threat(
        "codes and states are read in the access log",
        ("pages/test_logs_and_headers.py::test_t12_no_code_state_or_webhook_secret_is_in_the_log_of_the_api_server",),
    ),
    "T13": Threat(
        "a false Host or X-Forwarded header chooses the redirect URI",
        ("pages/test_logs_and_headers.py::test_t13_no_header_chooses_where_a_service_sends_browsers_back_to",),
    ),
    "T14": Threat(
        "a connect link is stolen, used twice, used up by a scanner, or changed",
        pending=("T14 end users: links are for one use, short, hashed, revocable, and no GET uses them up",),
    ),
    "T15": Threat(
        "a route of the plugin answers without a right",
        (
            f"{_PAGES}test_no_route_answers_who_is_not_logged_in",
            "integration/test_routes_refuse.py::test_every_other_route_refuses_without_a_proof",
            f"{_PROOFS}test_every_route_of_the_broker_answers_nothing_without_a_proof",
            "integration/test_plugin.py::test_the_prefix_is_one_that_airflow_mounts",
        ),
    ),
    "T16": Threat(
        "a proof is forged, replayed or used for something else",
        (
            f"{_PROOFS}test_any_other_proof_is_refused_like_a_connection_that_is_not_there_and_logged_once",
            f"{_PROOFS}test_a_proof_is_good_once",
            f"{_PROOFS}test_a_proof_of_another_time_is_refused_with_the_server_s_own_time",
            "unit/test_proof.py::test_every_claim_is_needed",
            f"{_S}test_fuzz.py::test_t16_t43_we_take_no_jwt_that_pyjwt_refuses",
        ),
    ),
    "T17": Threat(
        "somebody asks for what belongs to another team, connection or end user (IDOR)",
        (
            f"{_RIGHTS}test_rows_of_a_team_are_for_that_team_alone",
            f"{_RIGHTS}test_what_may_not_be_seen_answers_as_what_is_not_there",
            f"{_RIGHTS}test_rows_that_may_not_be_seen_answer_as_rows_that_are_not_there",
            f"{_RIGHTS}test_changes_of_what_may_not_be_seen_answer_as_of_what_is_not_there",
            f"{_PROOFS}test_a_proof_opens_its_own_authorization_and_no_other",
            f"{_PROOFS}test_a_refusal_takes_as_long_whatever_its_cause",
            "integration/test_store.py::test_keys_that_differ_in_case_or_in_a_space_are_different_authorizations",
            "unit/test_grant.py::test_no_two_keys_share_a_digest",
            "integration/test_webhooks.py::test_addresses_are_exact",
        ),
        pending=("T17 end users: workspaces, end users, links, keys and accounts of others do not exist",),
    ),
    "T18": Threat(
        "the broker hands out more than a task needs",
        (f"{_PROOFS}test_no_answer_and_no_log_holds_what_is_not_for_tasks",),
    ),
    "T19": Threat(
        "a secret is guessed by the time that comparing takes",
        (
            f"{_S}test_t19_t47_source.py::test_t19_secrets_are_compared_in_constant_time_alone",
            f"{_S}test_t19_t47_source.py::test_t19_the_search_finds_a_comparison_that_is_not",
            "unit/test_callback_signature.py::test_signatures_are_compared_in_constant_time",
            "unit/test_webhook_signatures.py::test_everything_but_the_signature_is_refused",
        ),
        pending=("T19 end users: tokens, hashes and secrets of host applications",),
    ),
    "T20": Threat(
        "a redirect takes a credential elsewhere",
        (
            f"{_S}test_t20_t21_elsewhere.py::test_t20_a_redirect_elsewhere_takes_no_secret_along",
            f"{_S}test_t20_t21_elsewhere.py::test_t20_a_redirected_page_takes_no_secret_along",
            f"{_S}test_t20_t21_elsewhere.py::test_t20_no_token_endpoint_is_followed_anywhere",
            f"{_HOSTS}test_a_redirect_to_elsewhere_is_refused_and_nothing_arrives_there",
            f"{_TOKENS}test_no_redirect_is_followed",
            f"{_TYPES}test_a_token_endpoint_that_redirects_gets_no_secret_sent_elsewhere",
            f"{_WIDE}test_discovery_follows_no_redirect",
            f"{_REVOKE}test_no_redirect_takes_the_tokens_elsewhere",
        ),
    ),
    "T21": Threat(
        "a next page is on another host",
        (
            f"{_S}test_t20_t21_elsewhere.py::test_t21_a_next_page_elsewhere_is_not_asked_for",
            "integration/test_extraction_faults.py::test_a_next_link_to_another_scheme_port_or_host_is_refused",
            "unit/connectors/test_connector_link_paging.py::test_a_next_url_to_another_place_is_refused",
            "unit/connectors/test_connector_link_paging.py::test_a_link_header_to_another_place_is_refused",
        ),
    ),
    "T22": Threat(
        "a URL leads to a metadata service or into the machine (SSRF)",
        (
            f"{_S}test_t22_t25_urls.py::test_t22_no_connection_is_made_to_an_address_that_is_never_called",
            f"{_S}test_t22_t25_urls.py::test_t22_no_field_takes_an_address_that_is_never_called",
            f"{_S}test_t22_t25_urls.py::test_t22_a_name_that_resolves_there_is_refused_before_and_after_connecting",
            f"{_S}test_t22_t25_urls.py::test_t22_real_addresses_of_services_are_not_refused",
            f"{_HOSTS}test_a_name_that_leads_to_a_metadata_service_is_refused",
            "unit/test_urls.py::test_link_local_and_metadata_addresses_are_refused_in_every_form",
        ),
        pending=("T22 end users: URLs that end users type are public https ones",),
    ),
    "T23": Threat(
        "two parsers read one URL differently",
        (
            f"{_S}test_t22_t25_urls.py::test_t23_every_client_goes_where_the_guard_looked",
            f"{_HOSTS}test_a_foreign_url_is_refused_before_a_connection_is_made",
            "unit/test_guard.py::test_a_url_that_is_allowed_leads_every_client_to_the_allowed_host",
        ),
    ),
    "T24": Threat(
        "a URL in a token response leads elsewhere",
        (
            f"{_S}test_t22_t25_urls.py::test_t24_a_url_that_a_service_names_gets_no_credential_elsewhere",
            f"{_WIDE}test_a_document_that_is_not_the_issuers_or_leads_nowhere_is_refused_and_no_secret_is_sent",
        ),
    ),
    "T25": Threat(
        "a credential travels without encryption",
        (
            f"{_S}test_t22_t25_urls.py::test_t25_http_is_refused_unless_the_connection_allows_it",
            f"{_HOSTS}test_a_redirect_from_https_to_http_is_refused",
            f"{_HOSTS}test_a_certificate_of_an_unknown_authority_is_refused",
            f"{_HOSTS}test_a_certificate_of_another_host_is_refused",
            f"{_S}test_t19_t47_source.py::test_t25_nothing_turns_the_check_of_certificates_off",
        ),
    ),
    "T26": Threat(
        "the environment (.netrc, proxies) takes a credential or puts another in its place",
        (
            f"{_HOSTS}test_a_netrc_file_changes_nothing",
            f"{_HOSTS}test_a_netrc_file_does_not_reach_the_token_endpoint",
            f"{_HOSTS}test_proxies_of_the_environment_are_not_used",
        ),
    ),
    "T27": Threat(
        "a server drips its answer to hold tasks for ever",
        (
            f"{_SESSION}test_the_total_time_ends_an_answer_that_drips",
            f"{_TOKENS}test_a_token_request_ends_with_its_total_time",
            f"{_SESSION}test_the_total_time_ends_an_upload_that_nobody_reads",
        ),
    ),
    "T28": Threat(
        "an answer is a bomb: packed, deep, or endless",
        (
            f"{_TOKENS}test_an_answer_that_unpacks_to_much_more_is_stopped_early",
            f"{_TOKENS}test_an_answer_of_more_than_a_mebibyte_is_refused",
            f"{_S}test_t28_t30_answers.py::test_t28_a_token_answer_that_is_a_bomb_is_a_typed_error",
            f"{_S}test_t28_t30_answers.py::test_t28_an_activitys_answer_that_is_a_bomb_is_a_typed_error",
            "integration/test_webhooks.py::test_ten_megabytes_are_refused_before_they_are_read",
        ),
    ),
    "T29": Threat(
        "a value ends a header and begins another",
        (
            "unit/test_credentials.py::test_text_that_no_header_can_carry_is_refused",
            "unit/test_credentials.py::test_a_credential_that_goes_into_a_header_refuses_what_no_header_carries",
            f"{_HEADERS}test_what_no_header_can_carry_is_refused_by_its_field_without_showing_it",
            f"{_S}test_t28_t30_answers.py::test_t29_no_input_ends_a_header",
        ),
    ),
    "T30": Threat(
        "an exception shows a key that is in a URL",
        (
            f"{_S}test_t28_t30_answers.py::test_t30_no_error_shows_a_key_of_the_query",
            f"{_WIDE}test_a_secret_in_the_query_is_in_no_error",
            f"{_SECRETS}test_no_secret_comes_out",
        ),
    ),
    "T31": Threat(
        "Airflow's log masker misses encoded forms",
        (
            f"{_S}test_t31_t34_masking.py::test_t31_every_form_in_which_a_secret_turns_up_is_masked",
            f"{_S}test_t31_t34_masking.py::test_t31_each_line_of_a_private_key_is_masked",
        ),
    ),
    "T32": Threat(
        "the masker leaves the end of a secret that begins like another one",
        (f"{_S}test_t31_t34_masking.py::test_t32_tokens_that_follow_each_other_are_masked_whole",),
    ),
    "T33": Threat(
        "a masker that knows thousands of secrets stops long-lived processes",
        (f"{_S}test_t31_t34_masking.py::test_t33_api_server_and_triggerer_register_nothing",),
    ),
    "T34": Threat(
        "a field's name is not one that Airflow masks",
        (
            f"{_FIELDS}test_airflow_masks_a_field_exactly_when_it_is_secret",
            f"{_FIELDS}test_airflow_shows_an_extra_without_its_secrets",
            f"{_S}test_t31_t34_masking.py::test_t34_secrets_with_names_that_airflow_does_not_know_are_not_shown",
        ),
    ),
    "T35": Threat(
        "a secret is in XCom, rendered fields, logs, exceptions or what objects show",
        (
            f"{_SECRETS}test_no_secret_comes_out",
            f"{_SECRETS}test_no_object_shows_its_secrets",
            f"{_SECRETS}test_no_secret_comes_out_of_tasks_triggers_and_their_logs",
            f"{_SECRETS}test_no_secret_is_in_airflows_database_or_log_files",
            "system/test_no_leaks.py::test_no_secret_is_in_any_file_that_was_written",
            "broker/test_nothing_in_clear.py::test_no_secret_is_in_logs_journal_or_database",
            f"{_S}test_t35_t36_canaries.py::test_t35_forty_canaries_leave_no_trace",
            f"{_S}test_t35_t36_canaries.py::test_t35_the_search_would_have_found_them",
            f"{_S}test_t35_t36_canaries.py::test_t35_nothing_that_a_careless_task_does_shows_a_secret",
        ),
    ),
    "T36": Threat(
        "a token is stored with a deferred task, an asset event, a variable or a parameter",
        (
            "integration/test_sensor.py::test_no_secret_is_stored_with_the_trigger",
            "integration/test_asset_events.py::test_an_event_holds_ids_scopes_and_readiness_and_nothing_else",
            f"{_S}test_t35_t36_canaries.py::test_t36_no_trigger_stores_a_secret",
        ),
    ),
    "T37": Threat(
        "a connector file or an input runs code, reads files or explodes",
        (
            f"{_DOCUMENT}test_what_is_not_allowed_is_refused_with_key_and_line",
            f"{_DOCUMENT}test_a_file_made_to_explode_is_refused_fast",
            f"{_DOCUMENT}test_32_levels_are_allowed_and_33_are_not",
            "unit/connectors/test_connector_render.py::test_a_value_is_never_a_template",
            "unit/connectors/test_connector_render.py::test_any_text_is_sent_exactly_or_refused",
            f"{_S}test_fuzz.py::test_t37_any_connector_file_is_read_or_refused",
        ),
    ),
    "T38": Threat(
        "without a Fernet key, or with a new one, grants are stored in clear or lost",
        (
            f"{_CRYPTO}test_without_a_key_nothing_is_stored",
            "unit/test_journal.py::test_without_a_key_nothing_is_written",
            f"{_COMMANDS}test_everything_is_readable_with_the_new_key_alone_after_a_rotation_under_load",
            f"{_COMMANDS}test_what_no_key_decrypts_is_named_and_the_rest_is_done",
        ),
    ),
    "T39": Threat(
        "an encrypted grant is pasted into another row",
        (
            f"{_CRYPTO}test_a_text_that_is_pasted_into_another_row_is_refused",
            "unit/test_journal.py::test_a_file_under_another_entrys_name_is_refused",
        ),
    ),
    "T40": Threat(
        "a refresh token is used twice, and its family revoked",
        (
            f"{_STAMPEDE}test_one_expiry_is_one_token_request_with_two_servers",
            f"{_STAMPEDE}test_a_token_that_all_report_as_refused_is_renewed_once",
            f"{_LOST}test_with_a_grace_window_the_old_refresh_token_is_tried_again",
            f"{_LOST}test_a_strict_server_is_asked_once_more_and_the_reason_is_told",
            "broker/test_kill.py::test_a_server_with_a_grace_window_loses_nothing",
            "broker/test_kill.py::test_a_strict_server_loses_only_an_answer_that_never_arrived",
        ),
    ),
    "T41": Threat(
        "the process that refreshes freezes",
        (
            "broker/test_frozen_holder.py::test_others_get_the_old_token_or_are_told_to_ask_again_until_the_lease_ends",
            "integration/test_store.py::test_a_holder_whose_lease_was_taken_over_changes_nothing",
        ),
    ),
    "T42": Threat(
        "the database goes away at the moment of storing",
        (
            "broker/test_database_down.py::test_a_grant_waits_for_the_database",
            "broker/test_database_down.py::test_a_broker_that_is_killed_meanwhile_finds_the_grant_in_its_journal",
        ),
    ),
    "T43": Threat(
        "a JWT has no algorithm, another one, a foreign key or a weak one",
        (
            f"{_PROOFS}test_any_other_proof_is_refused_like_a_connection_that_is_not_there_and_logged_once",
            f"{_JWT}test_a_key_that_is_weak_wrong_or_damaged_is_refused_without_being_shown",
            f"{_JWT}test_a_shared_secret_has_at_least_as_many_bytes_as_the_hash",
            f"{_S}test_fuzz.py::test_t16_t43_we_take_no_jwt_that_pyjwt_refuses",
            f"{_S}test_fuzz.py::test_t43_pyjwt_verifies_every_jwt_that_is_signed_here",
        ),
    ),
    "T44": Threat(
        "clocks differ or jump",
        (
            f"{_PROOFS}test_clocks_that_are_half_a_minute_apart_do_not_matter",
            "broker/test_client.py::test_a_clock_that_is_five_minutes_off_costs_one_more_request",
            "integration/test_store.py::test_a_lease_ends_by_the_databases_clock_and_its_takeover_is_remembered",
            "integration/test_store.py::test_mariadbs_clock_does_not_jump_when_summer_time_ends",
            "unit/test_token.py::test_a_lifetime_is_preferred_to_a_moment_because_clocks_differ",
        ),
    ),
    "T45": Threat(
        "a grant that was revoked comes back, or stays alive at the service",
        (
            f"{_REVOKE}test_both_tokens_are_given_back_where_the_issuer_says_and_the_grant_is_gone",
            f"{_REVOKE}test_a_service_that_fails_does_not_keep_the_grant_alive_here",
            f"{_ROWS}test_a_row_that_is_deleted_during_a_refresh_is_not_resurrected",
            f"{_ROWS}test_a_row_that_was_revoked_during_a_refresh_stays_revoked",
            f"{_COMMANDS}test_a_refresh_that_is_on_its_way_does_not_bring_a_wiped_grant_back",
        ),
    ),
    "T46": Threat(
        "a token is sent in a query without being asked for",
        (f"{_S}test_t28_t30_answers.py::test_t46_no_credential_is_in_a_url_unless_the_connection_says_so",),
    ),
    "T47": Threat(
        "an XML document makes its reader open files (XXE)",
        (f"{_S}test_t19_t47_source.py::test_t47_nothing_here_reads_xml",),
        not_applicable="No answer and no file is read as XML.",
    ),
    "T48": Threat(
        "debug output of HTTP libraries shows URLs with keys",
        (
            f"{_S}test_t28_t30_answers.py::test_t48_debug_output_of_http_libraries_shows_no_key",
            f"{_SECRETS}test_no_secret_comes_out",
        ),
    ),
}


@cache
def names_of(path: str) -> frozenset[str]:
    """Return the names of a file's test functions.

    Args:
        path: Below `tests`.
    """
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(one.name for one in tree.body if isinstance(one, kinds) and one.name.startswith("test_"))


def proofs_of(threat: Threat) -> tuple[str, ...]:
    """Return a threat's tests, those of its parts about end users too."""
    return threat.proofs + tuple(test for part in threat.pending for test in END_USER_PROOFS.get(part, ()))


def build_table() -> str:
    """Return the table of SECURITY.md, as Markdown."""
    lines = ["| | Somebody tries this | What shows what comes of it |", "|---|---|---|"]
    for number, threat in THREATS.items():
        tests = [f"`{proof.partition('::')[2]}`" for proof in proofs_of(threat)]
        words = [threat.not_applicable] if threat.not_applicable else []
        lines.append(f"| {number} | {threat.title} | {'<br>'.join([*words, *tests])} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    """Print the node ids of threats, of all without arguments; or the table for SECURITY.md."""
    if arguments == ["--table"]:
        print(build_table(), end="")
        return
    chosen = [number.upper() for number in arguments] or list(THREATS)
    unknown = sorted(set(chosen) - set(THREATS))
    if unknown:
        sys.exit(f"There is no threat {', '.join(unknown)}; they are T01 to T48.")
    print("\n".join(dict.fromkeys(f"tests/{proof}" for number in chosen for proof in proofs_of(THREATS[number]))))


if __name__ == "__main__":
    main(sys.argv[1:])
