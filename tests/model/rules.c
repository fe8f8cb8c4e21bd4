/* SPDX-License-Identifier: MIT
 * RFC 9293 section 3.10.7 as a table. `where` says the section's last number and the step, or the
 * RFC that adds to it; policies among what is allowed are called so. */
#include "model.h"

#define IN(state) (1U << MODEL_##state)
#define NOT(condition) (WHEN_NOT | WHEN_##condition)
#define WHEN(condition) WHEN_##condition

enum { GO_ON = 0 };

enum {
    /* "Other States" of 3.10.7.4. */
    OTHER = IN(SYN_RECEIVED) | IN(ESTABLISHED) | IN(FIN_WAIT_1) | IN(FIN_WAIT_2) | IN(CLOSE_WAIT) |
            IN(CLOSING) | IN(LAST_ACK) | IN(TIME_WAIT),
    SYNCHRONIZED = OTHER & ~IN(SYN_RECEIVED),
    DATA_COMES = IN(ESTABLISHED) | IN(FIN_WAIT_1) | IN(FIN_WAIT_2),
    FIN_CAME = IN(CLOSE_WAIT) | IN(CLOSING) | IN(LAST_ACK) | IN(TIME_WAIT)
};

const struct model_rule model_rules[] = {
    /* ---- 3.10.7.1 CLOSED ---- */
    {"3.10.7.1: a RST is discarded", "UN-12", 10, IN(CLOSED), {WHEN(RST)}, .go = MODEL_RETURN},
    {"3.10.7.1: ACK off", "UN-12", 10, IN(CLOSED), {NOT(ACK)}, {DO_SEND_RST_ACK},
     .go = MODEL_RETURN},
    {"3.10.7.1: ACK on", "UN-12", 10, IN(CLOSED), {0}, {DO_SEND_RST}, .go = MODEL_RETURN},

    /* ---- 3.10.7.2 LISTEN ---- */
    {"3.10.7.2 first: a RST is ignored", "ATK-SYN-09", 21, IN(LISTEN), {WHEN(RST)},
     .go = MODEL_RETURN},
    {"3.10.7.2 second; RFC 4987 3.6: an ACK that brings a cookie back", "ATK-SYN-02", 22, IN(LISTEN),
     {WHEN(ACK), NOT(SYN), WHEN(COOKIE_BACK)},
     {DO_TAKE_COOKIE, DO_TAKE_ACK, DO_TAKE_WINDOW, DO_TELL_CONNECTED},
     .next = MODEL_ESTABLISHED, .go = 45},
    {"3.10.7.2 second; policy: what follows a cookie that is late or lost is not reset", "ATK-SYN-02",
     22, IN(LISTEN), {WHEN(ACK), NOT(SYN), WHEN(COOKIE_BEHIND)}, .go = MODEL_RETURN},
    {"3.10.7.2 second; policy: nor has what nearly acknowledges one to be", "ATK-SYN-02", 22,
     IN(LISTEN), {WHEN(ACK), NOT(SYN), WHEN(COOKIE_NEAR)}, {DO_MAY_RST}, .go = MODEL_RETURN},
    {"3.10.7.2 second: any ACK is bad", "ATK-SYN-09", 22, IN(LISTEN), {WHEN(ACK)}, {DO_SEND_RST},
     .go = MODEL_RETURN},
    {"3.10.7.2 third; policy: SYN with FIN is dropped", "ATK-HDR-08", 23, IN(LISTEN),
     {WHEN(SYN), WHEN(FIN)}, .go = MODEL_RETURN},
    {"3.10.7.2 third; RFC 4987 3.6: the answer is a cookie, and nothing is kept", "ATK-SYN-01", 23,
     IN(LISTEN), {WHEN(SYN), WHEN(COOKIES)}, {DO_NEW_TCB, DO_SEND_SYN_ACK}, .go = MODEL_RETURN},
    {"3.10.7.2 third: SYN", "MUST-11", 23, IN(LISTEN), {WHEN(SYN)},
     {DO_NEW_TCB, DO_QUEUE_TEXT, DO_SEND_SYN_ACK}, .next = MODEL_SYN_RECEIVED, .go = MODEL_RETURN},
    {"3.10.7.2 fourth: other data or control is dropped", "ATK-HDR-07", 24, IN(LISTEN), {0},
     .go = MODEL_RETURN},

    /* ---- 3.10.7.3 SYN-SENT ---- */
    {"3.10.7.3 first: unacceptable ACK with RST", "UN-06", 31, IN(SYN_SENT),
     {WHEN(ACK), NOT(ACK_NEW), WHEN(RST)}, .go = MODEL_RETURN},
    {"3.10.7.3 first: unacceptable ACK", "UN-06", 31, IN(SYN_SENT), {WHEN(ACK), NOT(ACK_NEW)},
     {DO_SEND_RST}, .go = MODEL_RETURN},
    {"3.10.7.3 second: RST with an acceptable ACK", "UN-07", 32, IN(SYN_SENT),
     {WHEN(RST), WHEN(ACK)}, {DO_TELL_REFUSED}, .next = MODEL_CLOSED, .go = MODEL_RETURN},
    {"3.10.7.3 second: RST without ACK", "UN-07", 32, IN(SYN_SENT), {WHEN(RST)},
     .go = MODEL_RETURN},
    {"3.10.7.3 fourth: SYN that acknowledges ours", "MUST-10", 34, IN(SYN_SENT),
     {WHEN(SYN), WHEN(ACK)},
     {DO_TAKE_SYN, DO_TAKE_ACK, DO_TAKE_WINDOW, DO_TELL_CONNECTED, DO_SEND_ACK, DO_TRIM},
     .next = MODEL_ESTABLISHED, .go = 46},
    {"3.10.7.3 fourth: SYN alone", "MUST-10", 34, IN(SYN_SENT), {WHEN(SYN)},
     {DO_TAKE_SYN, DO_TAKE_WINDOW, DO_QUEUE_TEXT, DO_SEND_SYN_ACK},
     .next = MODEL_SYN_RECEIVED, .go = MODEL_RETURN},
    {"3.10.7.3 fifth: neither SYN nor RST", "UN-11", 35, IN(SYN_SENT), {0}, .go = MODEL_RETURN},

    /* ---- 3.10.7.4 first: the sequence number, and what has to be before it ---- */
    {"RFC 7323 3.2: a segment without the timestamp agreed on", "ATK-BLD-12", 40, OTHER,
     {WHEN(TS_MISSING), NOT(RST)}, .go = MODEL_RETURN},
    {"RFC 7323 5.3 R1: a timestamp before TS.Recent", "RFC 7323 5.3", 40, OTHER,
     {WHEN(TS_OLD), NOT(RST)}, {DO_SEND_ACK}, .go = MODEL_RETURN},
    {"policy: the SYN came again, and so does its answer", "ATK-SYN-10", 40, IN(SYN_RECEIVED),
     {WHEN(SYN), WHEN(SEQ_IRS), NOT(ACK), NOT(RST), WHEN(PASSIVE)}, {DO_SEND_SYN_ACK},
     .go = MODEL_RETURN},
    {"3.5 figure 7 line 6, A.2: SYN,ACK of a simultaneous open", "MUST-10", 40, IN(SYN_RECEIVED),
     {WHEN(SYN), WHEN(SEQ_IRS), WHEN(ACK), NOT(RST), NOT(PASSIVE)}, {DO_CUT_SYN}, .go = GO_ON},
    {"RFC 1122 4.2.2.13: a SYN above RCV.NXT begins anew", "MAY-2", 40, IN(TIME_WAIT),
     {WHEN(SYN), WHEN(SEQ_AFTER), WHEN(LISTENER), NOT(ACK), NOT(RST), NOT(FIN)},
     {DO_NEW_TCB, DO_QUEUE_TEXT, DO_SEND_SYN_ACK}, .next = MODEL_SYN_RECEIVED, .go = MODEL_RETURN},
    {"RFC 1337: TIME-WAIT ignores RST", "RFC 1337", 40, IN(TIME_WAIT), {WHEN(RST)},
     .go = MODEL_RETURN},
    {"3.10.7.4 fifth: the peer's FIN came again", "MUST-13", 40, IN(TIME_WAIT),
     {WHEN(FIN_AGAIN), WHEN(ACK), WHEN(ACK_RANGE), NOT(SYN)}, {DO_SEND_ACK, DO_RESTART},
     .go = MODEL_RETURN},
    {"3.10.7.4 first: RST at a window of zero", "MUST-66", 41, OTHER,
     {NOT(ACCEPTABLE), WHEN(RST), WHEN(SHUT_WINDOW), WHEN(SEQ_EXACT)}, .go = 42},
    {"3.10.7.4 first: not acceptable, RST", "UN-01", 41, OTHER, {NOT(ACCEPTABLE), WHEN(RST)},
     .go = MODEL_RETURN},
    {"3.10.7.4 first: special allowance at a window of zero", "UN-09", 41, OTHER,
     {NOT(ACCEPTABLE), WHEN(SHUT_WINDOW), WHEN(SEQ_EXACT)}, {DO_SEND_ACK}, .go = 42},
    {"3.10.7.4 first: not acceptable", "UN-08", 41, OTHER, {NOT(ACCEPTABLE)}, {DO_SEND_ACK},
     .go = MODEL_RETURN},

    /* ---- 3.10.7.4 second: RST ---- */
    {"RFC 5961 3: RST outside the window", "UN-01", 42, OTHER, {WHEN(RST), NOT(SEQ_WINDOW)},
     .go = MODEL_RETURN},
    {"RFC 5961 3: RST in the window, not exact", "UN-03", 42, OTHER, {WHEN(RST), NOT(SEQ_EXACT)},
     {DO_SEND_ACK}, .go = MODEL_RETURN},
    {"3.10.7.4 second; RFC 7413 4.2.2: open fast, and the application has it", "UN-02", 42,
     IN(SYN_RECEIVED), {WHEN(RST), WHEN(FAST)}, {DO_TELL_RESET}, .next = MODEL_CLOSED,
     .go = MODEL_RETURN},
    {"3.10.7.4 second: passive open", "UN-02", 42, IN(SYN_RECEIVED), {WHEN(RST), WHEN(PASSIVE)},
     {0}, .next = MODEL_LISTEN, .go = MODEL_RETURN},
    {"3.10.7.4 second: active open", "UN-02", 42, IN(SYN_RECEIVED), {WHEN(RST)}, {DO_TELL_REFUSED},
     .next = MODEL_CLOSED, .go = MODEL_RETURN},
    {"3.10.7.4 second", "UN-02", 42, DATA_COMES | IN(CLOSE_WAIT), {WHEN(RST)}, {DO_TELL_RESET},
     .next = MODEL_CLOSED, .go = MODEL_RETURN},
    {"3.10.7.4 second: nothing is left to be told", "UN-02", 42, IN(CLOSING) | IN(LAST_ACK),
     {WHEN(RST)}, {DO_TELL_GONE}, .next = MODEL_CLOSED, .go = MODEL_RETURN},

    /* ---- 3.10.7.4 third: security and compartment: MAY-10, not implemented (A.1) ---- */

    /* ---- 3.10.7.4 fourth: SYN ---- */
    /* The text returns to LISTEN here, at the word of whoever hits the window. That is what RFC
     * 5961 4 forbids in the states that follow, and one answer does for all. */
    {"3.10.7.4 fourth; policy: a SYN does not end a passive open", "ATK-SYN-10", 44,
     IN(SYN_RECEIVED), {WHEN(SYN), WHEN(PASSIVE)}, {DO_SEND_ACK}, .go = MODEL_RETURN},
    {"RFC 5961 4: SYN inside a connection", "UN-04", 44, OTHER, {WHEN(SYN)}, {DO_SEND_ACK},
     .go = MODEL_RETURN},

    /* ---- 3.10.7.4 fifth: ACK ---- */
    {"3.10.7.4 fifth: ACK off", "ATK-HDR-11", 45, OTHER, {NOT(ACK)}, .go = MODEL_RETURN},
    {"3.10.7.4 fifth, 3.5.2: unacceptable ACK", "ATK-SYN-26", 45, IN(SYN_RECEIVED), {NOT(ACK_NEW)},
     {DO_SEND_RST}, .go = MODEL_RETURN},
    {"3.10.7.4 fifth: our SYN was acknowledged", "MUST-10", 45, IN(SYN_RECEIVED), {0},
     {DO_TAKE_WINDOW, DO_TELL_CONNECTED}, .next = MODEL_ESTABLISHED},
    {"RFC 5961 5: ACK out of range", "UN-05", 45, SYNCHRONIZED, {NOT(ACK_RANGE)}, {DO_SEND_ACK},
     .go = MODEL_RETURN},
    /* SND.WND is an offset from SND.UNA: left as it is, the right edge would go where no segment
     * has told it to be. */
    {"3.10.7.4 fifth; policy: an old segment's ACK does not open the window", "UN-10", 45,
     SYNCHRONIZED & ~IN(TIME_WAIT), {WHEN(ACK_NEW), NOT(WINDOW_NEWER)}, {DO_KEEP_EDGE},
     .go = GO_ON},
    {"3.10.7.4 fifth: new ACK", "3.10.7.4", 45, SYNCHRONIZED, {WHEN(ACK_NEW)}, {DO_TAKE_ACK},
     .go = GO_ON},
    {"3.10.7.4 fifth: window", "UN-10", 45, SYNCHRONIZED & ~IN(TIME_WAIT),
     {WHEN(ACK_CURRENT), WHEN(WINDOW_NEWER)}, {DO_TAKE_WINDOW}, .go = GO_ON},
    {"3.10.7.4 fifth: FIN-WAIT-1", "3.10.7.4", 45, IN(FIN_WAIT_1), {WHEN(FIN_ACKED)}, {0},
     .next = MODEL_FIN_WAIT_2},
    {"3.10.7.4 fifth: LAST-ACK", "3.10.7.4", 45, IN(LAST_ACK), {WHEN(FIN_ACKED)}, {DO_TELL_GONE},
     .next = MODEL_CLOSED, .go = MODEL_RETURN},
    {"3.10.7.4 fifth: CLOSING", "MUST-13", 45, IN(CLOSING), {WHEN(FIN_ACKED)}, {0},
     .next = MODEL_TIME_WAIT},

    /* ---- between: the idealized segment begins at RCV.NXT and does not exceed the window ---- */
    {"3.10.7.4 first: trimming", "SHLD-31", 45, OTHER, {0}, {DO_TRIM}, .go = GO_ON},
    {"RFC 2525 2.17: data that nobody will read", "SHLD-3", 45, IN(FIN_WAIT_1) | IN(FIN_WAIT_2),
     {WHEN(TEXT), NOT(HELD)}, {DO_SEND_ABORT, DO_TELL_ABORTED}, .next = MODEL_CLOSED,
     .go = MODEL_RETURN},

    /* ---- 3.10.7.4 sixth: URG ---- */
    {"3.10.7.4 sixth; policy: not of a SYN (ATK-URG-03)", "MUST-32", 46, DATA_COMES,
     {WHEN(URG), WHEN(URG_NEW), NOT(SYN_BIT)}, {DO_TELL_URGENT}, .go = GO_ON},

    /* ---- 3.10.7.4 seventh: text ---- */
    {"3.10.7.4 seventh", "SHLD-31", 47, DATA_COMES, {WHEN(TEXT)}, {DO_TAKE_TEXT, DO_SEND_ACK},
     .go = GO_ON},
    {"3.10.7.4 seventh: text after the peer's FIN is ignored", "3.10.7.4", 47, FIN_CAME,
     {WHEN(ANY_TEXT)}, {DO_MAY_ACK}, .go = GO_ON},

    /* ---- 3.10.7.4 eighth: FIN ---- */
    {"3.10.7.4 eighth: above a hole, held", "ATK-BLD-10", 48, DATA_COMES, {WHEN(FIN_ABOVE)},
     {DO_HOLD_FIN, DO_SEND_ACK}, .go = MODEL_RETURN},
    {"3.10.7.4 eighth: ESTABLISHED", "3.10.7.4", 48, IN(ESTABLISHED), {WHEN(FIN_NEXT)},
     {DO_TAKE_FIN, DO_SEND_ACK}, .next = MODEL_CLOSE_WAIT, .go = MODEL_RETURN},
    {"3.10.7.4 eighth: FIN-WAIT-1", "3.10.7.4", 48, IN(FIN_WAIT_1), {WHEN(FIN_NEXT)},
     {DO_TAKE_FIN, DO_SEND_ACK}, .next = MODEL_CLOSING, .go = MODEL_RETURN},
    {"3.10.7.4 eighth: FIN-WAIT-2", "MUST-13", 48, IN(FIN_WAIT_2), {WHEN(FIN_NEXT)},
     {DO_TAKE_FIN, DO_SEND_ACK}, .next = MODEL_TIME_WAIT, .go = MODEL_RETURN},
    {"3.10.7.4 eighth: a second FIN above the first", "3.10.7.4", 48, FIN_CAME, {WHEN(FIN)},
     {DO_MAY_ACK}, .go = MODEL_RETURN},
};

const unsigned model_rule_count = sizeof model_rules / sizeof model_rules[0];
