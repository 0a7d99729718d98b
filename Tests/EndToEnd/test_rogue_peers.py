"""Peers that join by the rules and then cheat: the file arrives whole, from whom it may."""
import pytest

from checks import MIB, assert_ok
from content import Content
from protocol import PIECE

PIECES = [
    "wrong_bytes", "another_piece", "forged_proof", "too_much", "too_little", "cut", "slow", "silent", "rubbish",
    "endless_headers", "not_found", "always_full",
]

NEWS = [
    "huge_number", "huge_run", "past_the_end", "backwards", "rubbish", "endless_line", "not_http", "silent",
]

CONTENT = Content(12 * PIECE + 5)


@pytest.fixture
def honest(box, tracker, source):
    """A host that has the file and serves it slowly, so that others want more neighbours; and the source's resource."""
    resource = source.add("/file.bin", CONTENT)
    host = box.host("honest")
    outcome = host.get(resource.url, "--upload-rate", "2M", tracker=tracker, upload_time=300)
    assert_ok(outcome, host, "file.bin", CONTENT)
    return resource


def joined(box, tracker, resource, **behaviour):
    rogue = box.rogue_peer(("127.0.0.1", tracker.port), resource.url, CONTENT, **behaviour)
    assert rogue.joined.wait(30), "the tracker did not take the rogue in"
    return rogue


@pytest.mark.parametrize("pieces", PIECES)
def test_a_peer_that_cheats_with_pieces_beside_an_honest_one(box, tracker, honest, host, pieces):
    rogue = joined(box, tracker, honest, pieces=pieces)
    if pieces in ("wrong_bytes", "another_piece", "too_much", "too_little"):
        assert rogue.borrow_proofs() > 0, "no honest neighbour gave a proof"
    outcome = host.get(honest.url, "--no-fallback", tracker=tracker)
    assert_ok(outcome, host, "file.bin", CONTENT)
    assert rogue.pieces_asked > 0, "nobody fell for the rogue: the test shows nothing"
    assert rogue.flooded < 64 * MIB


@pytest.mark.parametrize("pieces", PIECES)
def test_a_peer_that_cheats_with_pieces_and_is_the_only_one(box, tracker, honest, host, pieces):
    """It claims to have everything, so that nobody else would be sent to the source for it."""
    rogue = joined(box, tracker, honest, pieces=pieces)
    if pieces in ("wrong_bytes", "another_piece", "too_much", "too_little"):
        assert rogue.borrow_proofs() > 0, "no honest neighbour gave a proof"
    box.stop_nodes()
    outcome = host.get(honest.url, tracker=tracker, seconds=90)
    assert_ok(outcome, host, "file.bin", CONTENT)
    assert rogue.flooded < 64 * MIB


@pytest.mark.parametrize("news", NEWS)
def test_a_peer_that_cheats_with_news_beside_an_honest_one(box, tracker, honest, host, news):
    rogue = joined(box, tracker, honest, news=news)
    outcome = host.get(honest.url, "--no-fallback", tracker=tracker)
    assert_ok(outcome, host, "file.bin", CONTENT)
    assert rogue.news_opened > 0, "nobody listened to the rogue: the test shows nothing"
    assert rogue.flooded < 64 * MIB


@pytest.mark.parametrize("news", ["silent", "endless_line", "huge_number"])
def test_a_peer_that_cheats_with_news_and_is_the_only_one(box, tracker, honest, host, news):
    rogue = joined(box, tracker, honest, news=news)
    box.stop_nodes()
    outcome = host.get(honest.url, tracker=tracker, seconds=90)
    assert_ok(outcome, host, "file.bin", CONTENT)
    assert rogue.flooded < 64 * MIB


def test_an_honest_peer_of_another_make_is_used(box, tracker, honest, host):
    """Whoever speaks the protocol belongs; this also shows that the rogues are refused for what they do."""
    friend = joined(box, tracker, honest, pieces="honest")
    assert friend.borrow_proofs() == 13
    box.stop_nodes()
    before = honest.sent
    outcome = host.get(honest.url, "--no-fallback", tracker=tracker)
    assert_ok(outcome, host, "file.bin", CONTENT)
    assert friend.pieces_asked >= 13 and honest.sent == before


def test_ten_rogues_around_one_honest_peer(box, tracker, honest, host):
    rogues = [joined(box, tracker, honest, pieces=pieces) for pieces in PIECES[:10]]
    outcome = host.get(honest.url, "--no-fallback", tracker=tracker)
    assert_ok(outcome, host, "file.bin", CONTENT)
    assert sum(rogue.pieces_asked for rogue in rogues) > 0
