#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the seeds of the fuzz targets, fuzz/corpus/TARGET/*: valid packets of every kind, so that a
fuzzer begins behind the first checks. Run it after adding one; the files it writes are committed."""
import pathlib
import re
import struct

CORPUS = pathlib.Path(__file__).parent / 'corpus'
IP4_A, IP4_B = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
IP6_A = bytes.fromhex('fe800000000000000000000000000001')
IP6_B = bytes.fromhex('fe800000000000000000000000000002')
MAC_A, MAC_B = bytes.fromhex('020000000001'), bytes.fromhex('020000000002')


def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def with_checksum(message, at, pseudo=b''):
    value = checksum(pseudo + message)
    return message[:at] + struct.pack('!H', value) + message[at + 2:]


def ip4(protocol, payload, options=b'', fragment=0x4000, ident=1):
    header = struct.pack('!BBHHHBBH', 0x40 | (5 + len(options) // 4), 0, 20 + len(options) + len(payload),
                         ident, fragment, 64, protocol, 0) + IP4_A + IP4_B + options
    return with_checksum(header, 10) + payload


def ip6(protocol, payload, hop_limit=64):
    return struct.pack('!IHBB', 6 << 28, len(payload), protocol, hop_limit) + IP6_A + IP6_B + payload


def pseudo4(protocol, length):
    return IP4_A + IP4_B + struct.pack('!HH', protocol, length)


def pseudo6(protocol, length):
    return IP6_A + IP6_B + struct.pack('!IHBB', length, 0, 0, protocol)


def udp(payload, pseudo=pseudo4):
    message = struct.pack('!HHHH', 49152, 53, 8 + len(payload), 0) + payload
    return with_checksum(message, 6, pseudo(17, len(message)))


def tcp(flags, options=b'', payload=b'', pseudo=pseudo4):
    message = struct.pack('!HHIIHHHH', 49152, 80, 1000, 2000, (5 + len(options) // 4) << 12 | flags,
                          65535, 0, 0) + options + payload
    return with_checksum(message, 16, pseudo(6, len(message)))


def icmp(kind, code, rest, data=b'', pseudo=b''):
    return with_checksum(struct.pack('!BBHI', kind, code, 0, rest) + data, 2, pseudo)


def icmp6(kind, code, rest, data=b''):
    return icmp(kind, code, rest, data, pseudo6(58, 8 + len(data)))


def eth(kind, payload, tags=b''):
    return MAC_B + MAC_A + tags + struct.pack('!H', kind) + payload


NOP, SACK_OK = b'\1', b'\4\2'
TIMESTAMPS = b'\x08\x0a' + struct.pack('!II', 100, 200)
OPTIONS = {
    'syn': b'\2\4\x05\xb4' + SACK_OK + TIMESTAMPS + NOP + b'\3\3\7',
    'data': NOP + NOP + TIMESTAMPS,
    'sack': NOP + NOP + b'\5\x12' + struct.pack('!IIII', 10, 20, 30, 40),
    'fast-open': b'\x22\x0a' + b'cookie01' + NOP + NOP,
    'fast-open-experimental': b'\xfe\x0c\xf9\x89' + b'cookie01',
    'user-timeout': b'\x1c\4\x80\5',
    'ao': b'\x1d\x10\1\2' + b'm' * 12,
    'md5': b'\x13\x12' + b'd' * 16 + NOP + NOP,
    'mptcp': b'\x1e\x0c\x00\x81' + b'k' * 8,
    'accecn': b'\xac\x0b' + b'123456789' + NOP,
    'historic': b'\6\6echo\7\6repl' + b'\x0b\6aaaa\x0c\6bbbb\x0d\6cccc' + NOP + NOP,
    'unknown': b'\x63\6abcd' + NOP + NOP,
    'end-of-list': b'\2\4\x05\xb4\0\0\0\0',
    'bad-length': b'\2\4\x05\xb4\x08\1\0\0',
}
SEGMENTS = {name: tcp(0x02 if name == 'syn' else 0x18, options, b'' if name == 'syn' else b'data')
            for name, options in OPTIONS.items()}
QUOTE4 = ip4(6, SEGMENTS['data'][:8])
QUOTE6 = ip6(6, SEGMENTS['data'][:20])
SOURCE_MAC = b'\1\1' + MAC_A
HOP_BY_HOP = b'\x3a\0\5\2\0\0\1\0'  # router alert

ND = {
    'solicitation': icmp6(135, 0, 0, IP6_B + SOURCE_MAC),
    'advertisement': icmp6(136, 0, 0x60000000, IP6_B + b'\2\1' + MAC_B),
    'router-solicitation': icmp6(133, 0, 0, SOURCE_MAC),
    'router-advertisement': icmp6(134, 0, 0x40000708, struct.pack('!II', 0, 0) + SOURCE_MAC +
                                  b'\5\1\0\0' + struct.pack('!I', 1500) +
                                  b'\3\4\x40\xc0' + struct.pack('!III', 7200, 3600, 0) + IP6_A +
                                  b'\x19\3\0\0' + struct.pack('!I', 600) + IP6_B),
    'redirect': icmp6(137, 0, 0, IP6_A + IP6_B + b'\4\7' + b'\0' * 6 + QUOTE6[:48]),
}
ICMP4 = {
    'echo': icmp(8, 0, 0x00010001, b'abcdefgh'),
    'unreachable': icmp(3, 3, 0, QUOTE4),
    'too-big': icmp(3, 4, 1400, QUOTE4),
    'time-exceeded': icmp(11, 0, 0, QUOTE4),
    'parameter-problem': icmp(12, 0, 20 << 24, QUOTE4),
    'redirect': icmp(5, 1, 0x0a000003, QUOTE4),
}
ICMP6 = {
    'echo': icmp6(128, 0, 0x00010001, b'abcdefgh'),
    'unreachable': icmp6(1, 4, 0, QUOTE6),
    'too-big': icmp6(2, 0, 1280, QUOTE6),
    'parameter-problem': icmp6(4, 2, 40, QUOTE6),
}
PACKETS4 = {
    **{'tcp-' + name: ip4(6, segment) for name, segment in SEGMENTS.items()},
    **{'icmp-' + name: ip4(1, message) for name, message in ICMP4.items()},
    'udp': ip4(17, udp(b'query')),
    'fragment-first': ip4(17, udp(b'x' * 24)[:24], fragment=0x2000),
    'fragment-last': ip4(17, b'x' * 11, fragment=3),
    'options-router-alert': ip4(17, udp(b'query'), b'\x94\4\0\0'),
    'options-record-route': ip4(17, udp(b'query'), b'\7\7\4\0\0\0\0\0'),
    'options-timestamp': ip4(17, udp(b'query'), b'\x44\x0c\5\0' + b'\0' * 8),
    'options-source-route': ip4(17, udp(b'query'), b'\x83\7\4\x0a\0\0\1\0'),
}
PACKETS6 = {
    'tcp': ip6(6, tcp(0x18, OPTIONS['data'], b'data', pseudo6)),
    'udp': ip6(17, udp(b'query', pseudo6)),
    **{'icmp-' + name: ip6(58, message) for name, message in ICMP6.items()},
    **{'nd-' + name: ip6(58, message, 255) for name, message in ND.items()},
    'hop-by-hop': ip6(0, HOP_BY_HOP + icmp6(128, 0, 1)),
    'destination-options': ip6(60, b'\x11\0\1\4\0\0\0\0' + udp(b'query', pseudo6)),
    'routing': ip6(43, b'\x11\0\4\0\0\0\0\0' + udp(b'query', pseudo6)),
    'fragment': ip6(44, b'\x11\0\0\1\0\0\0\7' + udp(b'x' * 16, pseudo6)),
    'fragment-atomic': ip6(44, b'\x11\0\0\0\0\0\0\7' + udp(b'query', pseudo6)),
    'no-next': ip6(59, b'ignored'),
    'ah': ip6(51, b'\x11\4\0\0' + b'a' * 20),
}
ARP = struct.pack('!HHBBH', 1, 0x0800, 6, 4, 1) + MAC_A + IP4_A + b'\0' * 6 + IP4_B
FRAMES = {
    'arp': eth(0x0806, ARP + b'\0' * 18),
    'ip4': eth(0x0800, PACKETS4['tcp-data']),
    'ip6': eth(0x86dd, PACKETS6['tcp']),
    'vlan': eth(0x0800, PACKETS4['udp'], b'\x81\0\x20\5'),
    'qinq': eth(0x86dd, PACKETS6['udp'], b'\x88\xa8\0\1\x81\0\0\2'),
}


def pcap(link, packets):
    records = [struct.pack('<IIII', 1, n, len(p), len(p)) + p for n, p in enumerate(packets)]
    return struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, link) + b''.join(records)


def pcapng(link, packets):
    def block(kind, body):
        body += b'\0' * (-len(body) % 4)
        size = struct.pack('<I', len(body) + 12)
        return struct.pack('<I', kind) + size + body + size
    blocks = [block(0x0a0d0d0a, struct.pack('<IHHq', 0x1a2b3c4d, 1, 0, -1)),
              block(1, struct.pack('<HHI', link, 0, 0) + b'\x09\0\1\0\x09\0\0\0' + b'\0' * 4)]
    blocks += [block(6, struct.pack('<IIIII', 0, 0, n, len(p), len(p)) + p) for n, p in enumerate(packets)]
    return b''.join(blocks)




def described(how_ip, how_ethernet):
    """All packets behind the bytes by which a target chooses how to take them."""
    return {**{'ip4-' + name: how_ip + packet for name, packet in PACKETS4.items()},
            **{'ip6-' + name: how_ip + packet for name, packet in PACKETS6.items()},
            **{'eth-' + name: how_ethernet + frame for name, frame in FRAMES.items()}}


# What a connection is told to do, step by step (fuzz_connection.c).
SYN, ACK, FIN = bytes([0, 5, 0, 0, 0]), bytes([0, 64, 0, 0, 0]), bytes([0, 67, 0, 0, 0])
TEXT, BEYOND = bytes([0, 0, 5, 180, 0]), bytes([0, 16, 5, 180, 139, 104, 0])
URGENT, RESET = bytes([0, 4, 0, 9, 0, 20, 0]), bytes([0, 71, 0, 0, 0])
ACCEPT, SEND, RECEIVE = bytes([150, 0, 0, 0]), bytes([150, 0, 32, 0]), bytes([150, 2, 32, 0])
CLOSE, SHUT, WAIT = bytes([150, 7, 0, 0]), bytes([150, 21, 0, 0]), bytes([220, 2, 0])
OPEN = SYN + ACK + ACCEPT
# The stack (cookies, limits), its MTU, and the listener (fast open 1, ask 2, user timeout 4, tune 8; a setting).
USUAL, COOKIES = bytes([5, 195, 0, 8, 255, 0, 0]), bytes([6, 195, 0, 8, 255, 0, 0])
FAST, ASK, ALL = bytes([5, 195, 0, 9, 255, 0, 0]), bytes([5, 195, 0, 10, 255, 0, 0]), bytes([4, 86, 2, 13, 255, 0, 0])
REQUEST, FAST_SYN = bytes([0, 5, 0, 0, 160]), bytes([2, 5, 1, 0, 161])
FORGED_SYN = bytes([2, 5, 1, 0, 163]) + bytes(8)
VERDICT, PROMISE = bytes([150, 54, 0, 0]), bytes([0, 64, 0, 0, 164, 128, 20])
TOO_BIG, UNREACHABLE = bytes([130, 0, 5, 180, 2, 88]), bytes([130, 18, 0, 1, 0, 0])
CALL, CALL_FAST = bytes([206, 0, 255, 0, 0]), bytes([206, 3, 255, 0, 0])
TAKEN, SYN_ACK = bytes([6, 6, 0, 0, 161]), bytes([6, 6, 0, 0, 0])
SEND_CALLED, CLOSED_WINDOW = bytes([150, 8, 32, 0]), bytes([0, 192, 0, 0, 0, 0, 0])
CONVERSATIONS = {
    'passive-close': USUAL + OPEN + TEXT + TEXT + RECEIVE + SEND + ACK + FIN + CLOSE + ACK,
    'active-close': USUAL + OPEN + SEND + ACK + SHUT + ACK + TEXT + RECEIVE + FIN + CLOSE + WAIT,
    'hole': USUAL + OPEN + BEYOND + BEYOND + TEXT + TEXT + RECEIVE + WAIT + CLOSE,
    'silence': USUAL + OPEN + SEND + 8 * WAIT + ACK + SEND + WAIT,
    'urgent-and-reset': USUAL + OPEN + URGENT + RECEIVE + URGENT + RESET,
    'cookie': COOKIES + OPEN + TEXT + RECEIVE + SEND + ACK + CLOSE + WAIT,
    'fast-open': FAST + REQUEST + RESET + FAST_SYN + ACCEPT + RECEIVE + SEND + WAIT + CLOSE,
    'fast-open-forged': FAST + FORGED_SYN + ACCEPT + RECEIVE + WAIT,
    'asked': ASK + SYN + VERDICT + ACK + ACCEPT + SEND + CLOSE,
    'asked-in-vain': ASK + SYN + WAIT + SYN + VERDICT,
    'user-timeout': ALL + SYN + PROMISE + ACCEPT + SEND + 8 * WAIT,
    'too-big': USUAL + OPEN + SEND + TOO_BIG + ACK + SEND + TOO_BIG + WAIT + ACK,
    'unreachable': USUAL + CALL + UNREACHABLE + SYN_ACK + SEND_CALLED + UNREACHABLE,
    'called-fast': USUAL + CALL_FAST + TAKEN + WAIT + CALL_FAST + TAKEN + SEND_CALLED + WAIT + CALL_FAST + 3 * WAIT,
    'stuck': bytes([5, 223, 0, 0, 255, 0, 0]) + OPEN + CLOSED_WINDOW + 20 * SEND + 8 * WAIT,
    'ip6': bytes([36, 195, 0, 9, 255, 0, 0]) + OPEN + TEXT + SEND + TOO_BIG + ACK + UNREACHABLE + FIN + CLOSE + WAIT,
}

# Recordings of a small stack (src/driver/recording.h), written without weir's own writer. Their results
# are made up: the target goes on behind a difference.
HEADERS = pathlib.Path(__file__).parent.parent / 'include' / 'weir'
LIMITS = re.findall(r'X\((\w+), \d+, (\d+), \d+,', (HEADERS / 'config.h').read_text())
CALLS = re.findall(r'X\([A-Z_]+, (\w+)\)', (HEADERS / 'record.h').read_text())
SETTINGS = re.findall(r'X\((\w+), \d+, \d+, \d+,', (HEADERS / 'tcp.h').read_text())
FEW = {'interfaces_max': 2, 'addresses_max': 4, 'routes_max': 4, 'udp_endpoints_max': 4,
       'tcp_endpoints_max': 8, 'tcp_flights_max': 4, 'tcp_syn_received_max': 4, 'packet_memory_kb': 1024}
(NOW, HANDLE, IFINDEX, NUMBER0, NUMBER1, SIZE, RESULT, RX, TX, EVENTS, BYTES, ADDR, GATEWAY, CONFIG, IFACE,
 UDP_OPENED, TCP_OPENED, DATAGRAM, REQUEST) = (1 << bit for bit in range(19))


def number(value):
    groups = b''
    while value > 0x7f:
        groups += bytes([value & 0x7f | 0x80])
        value >>= 7
    return groups + bytes([value])


def text(name):
    return number(len(name)) + name.encode()


def frame(tag, body):
    return bytes([tag]) + struct.pack('<I', len(body)) + body


def call(name, mask, body=b'', end_mask=0, end=b''):
    tag = 2 * CALLS.index(name)
    return frame(tag, number(mask) + body) + frame(tag + 1, number(end_mask) + end)


def received(packet):
    step = number(2000000)  # a millisecond later, as numbers of either sign are written
    return (call('stack_input', NOW | RX, step + number(1) + b'\1' + number(len(packet)) + packet) +
            call('stack_output', NOW | NUMBER0, number(0) + number(8)) +
            call('stack_events', NUMBER0, number(16)))


def recording(*calls):
    names = [number(len(list_)) + b''.join(text(name) for name in list_) for list_ in (CALLS, SETTINGS)]
    limits = b''.join(text(name) + number(FEW.get(name, int(low))) for name, low in LIMITS)
    begin = [call('stack_init', NOW | CONFIG,
                  number(200) + number(len(LIMITS)) + limits + number(7) + bytes(32), RESULT, number(2)),
             call('stack_add_iface', IFACE, bytes([0, 0, 1]) + bytes(7) + number(1500) + b'\0'),
             call('stack_add_address', NUMBER0 | ADDR, number(24) + MAPPED + IP4_B)]
    return (b'WEIRREC\1' + frame(0xfe, b'\0' + b''.join(names)) + b''.join(begin) + b''.join(calls) +
            frame(0xff, b''))


MAPPED = bytes(10) + b'\xff\xff'
FIRST = bytes([0, 1])  # a handle of TCP, and one of UDP
DATAGRAM_FIRST = number(1 << 31) + b'\1'
LISTEN = (call('tcp_open', TCP_OPENED, bytes([0, 0]) + bytes(16) + number(80) + b'\0\0', HANDLE, FIRST) +
          call('tcp_set', HANDLE | NUMBER0 | NUMBER1, FIRST + number(SETTINGS.index('KEEPALIVE')) + b'\1') +
          call('tcp_listen', HANDLE | NUMBER0, FIRST + b'\4'))
CONNECT = (call('tcp_open', TCP_OPENED, bytes([0, 0]) + bytes(16) + b'\0\0\0', HANDLE, FIRST) +
           call('tcp_connect', HANDLE | NUMBER0 | ADDR, FIRST + number(80) + MAPPED + IP4_A) +
           call('tcp_send', HANDLE | SIZE, FIRST + number(5),
                RESULT | BYTES, number(10) + number(5) + b'hello') +
           call('stack_output', NOW | NUMBER0, number(0) + number(8)) +
           call('stack_advance', NOW, number(20000000000)) +
           call('stack_output', NOW | NUMBER0, number(0) + number(8)) +
           call('tcp_receive', HANDLE | SIZE, FIRST + number(100)) + call('tcp_abort', HANDLE, FIRST))
DATAGRAM_SENT = (call('udp_open', UDP_OPENED, bytes([0, 0, 0]) + number(53) + bytes(16) + bytes(3)) +
                 call('udp_send', HANDLE | SIZE | DATAGRAM, DATAGRAM_FIRST + number(3) + MAPPED + IP4_A +
                      MAPPED + IP4_B + number(53) + bytes(6),
                      BYTES, number(3) + b'abc') +
                 call('udp_receive', HANDLE | SIZE, DATAGRAM_FIRST + number(512)) +
                 call('udp_close', HANDLE, DATAGRAM_FIRST))

SEEDS = {
    'connection': CONVERSATIONS,
    'arp': {'request': ARP},
    'eth': FRAMES,
    'icmp': {**{'4-' + n: m for n, m in ICMP4.items()}, **{'6-' + n: m for n, m in ICMP6.items()}},
    'ip4': PACKETS4,
    'ip6': PACKETS6,
    'nd': {name: ip6(58, message, 255) for name, message in ND.items()},
    'tcp': {name: b'\xff' + segment for name, segment in SEGMENTS.items()},
    'tcp_options': {name: b'\x28' + options for name, options in OPTIONS.items()},
    'udp': {'datagram': udp(b'query')},
    'print': described(b'\0\xff\0\0', b'\4\xff\0\0'),
    'recording': {'packets': recording(received(PACKETS4['icmp-echo']), received(PACKETS4['udp'])),
                  'listen': recording(LISTEN, received(PACKETS4['tcp-syn']), received(PACKETS4['tcp-data'])),
                  'connect': recording(CONNECT), 'datagram': recording(DATAGRAM_SENT)},
    'stack': described(b'\xff\xff' + bytes(10), b'\xff\xff' + bytes(9) + b'\1'),
    'capture': {'pcap': pcap(101, [PACKETS4['udp'], PACKETS6['udp']]),
                'pcap-ethernet': pcap(1, FRAMES.values()),
                'pcapng': pcapng(101, [PACKETS4['udp'], PACKETS6['udp']])},
}

for target, seeds in SEEDS.items():
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        (folder / name).write_bytes(data)
