"""One libtorrent peer, run as a program by whichever Python has libtorrent.

    torrent.py make FILE TORRENT
    torrent.py seed|leech TORRENT FOLDER ADDRESS STAMP PEER…

Every peer is told all others' addresses: nothing depends on how good a tracker is. STAMP is written when the file is
complete and checked.
"""
from __future__ import annotations

import os
import sys
import time
from typing import List

import libtorrent  # type: ignore[import-untyped,import-not-found,unused-ignore]

PORT = 6881
PIECE = 256 << 10
SETTINGS = {
    # Only the peers that are named, and at once.
    "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False, "connection_speed": 200,
    "min_reconnect_time": 1, "torrent_connect_boost": 200, "connections_limit": 500,
    # As fast as it can: TCP without obfuscation, many upload slots.
    "enable_outgoing_utp": False, "enable_incoming_utp": False, "out_enc_policy": 2, "in_enc_policy": 2,
    "unchoke_slots_limit": 16, "alert_mask": 0,
}


def make(file: str, torrent: str) -> None:
    storage = libtorrent.file_storage()
    libtorrent.add_files(storage, file)
    made = libtorrent.create_torrent(storage, piece_size=PIECE, flags=libtorrent.create_torrent.v1_only)
    libtorrent.set_piece_hashes(made, os.path.dirname(file))
    with open(torrent, "wb") as output:
        output.write(libtorrent.bencode(made.generate()))


def take_part(is_seed: bool, torrent: str, folder: str, address: str, stamp: str, peers: List[str]) -> None:
    session = libtorrent.session({**SETTINGS, "listen_interfaces": f"{address}:{PORT}"})
    parameters = libtorrent.add_torrent_params()
    parameters.ti = libtorrent.torrent_info(torrent)
    parameters.save_path = folder
    if is_seed:
        parameters.flags |= libtorrent.torrent_flags.seed_mode
    handle = session.add_torrent(parameters)
    others = [(peer, PORT) for peer in peers if peer != address]
    next_call = 0.0
    while not handle.status().is_seeding:
        # Those that were not there yet are called again.
        if time.monotonic() >= next_call:
            for other in others:
                handle.connect_peer(other)
            next_call = time.monotonic() + 1
        time.sleep(0.01)
    with open(stamp, "w") as file:
        file.write("complete")
    while True:
        time.sleep(60)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(*sys.argv[2:4])
    else:
        take_part(sys.argv[1] == "seed", sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5], sys.argv[6:])
