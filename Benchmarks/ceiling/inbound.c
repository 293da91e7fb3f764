#define _GNU_SOURCE /* recvmmsg */
#include <errno.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "bytes.h"
#include "forward.h"
#include "inner.h"

enum {
    MESSAGES = 8, /* by one call; each may hold many datagrams */
    MESSAGE = 66000,
    MOST_SEGMENTS = 120,
    LARGEST_HEADERS = IPV4_HEADER + 60,
};

/*
 * TCP segments of one flow that follow each other without a gap. Their payloads stay where they were opened;
 * what is kept is one header for all.
 */
struct run {
    int tun;
    size_t count;
    size_t headers; /* length of IP and TCP header together, in bytes */
    size_t payload; /* of the first segment: none is longer, only the last is shorter */
    size_t length;  /* of all payloads together */
    uint32_t next;  /* the sequence number that must follow */
    struct virtio_net_hdr vnet;
    uint8_t header[LARGEST_HEADERS];
    struct iovec parts[2 + MOST_SEGMENTS]; /* vnet, header, payloads */
};

static void tun_write(int tun, const struct iovec *parts, size_t count)
{
    /* EIO: the device is down. */
    if (writev(tun, parts, (int)count) < 0 && errno != EAGAIN && errno != EIO)
        perror("esp-ceiling: write to TUN");
}

static void write_single(int tun, uint8_t *packet, size_t length)
{
    struct virtio_net_hdr none = {0};
    const struct iovec parts[] = {{&none, sizeof none}, {packet, length}};
    tun_write(tun, parts, 2);
}

/* The header of the first segment becomes one of all; the kernel finishes or skips the TCP checksum. */
static void describe_super_packet(struct run *run)
{
    uint8_t *ip = run->header;
    const size_t covered = run->headers - IPV4_HEADER + run->length;
    run->vnet = (struct virtio_net_hdr) {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
        .gso_size = (uint16_t)run->payload,
        .hdr_len = (uint16_t)run->headers,
        .csum_start = IPV4_HEADER,
        .csum_offset = TCP_CHECKSUM,
    };
    store16(ip + IPV4_LENGTH, (uint16_t)(run->headers + run->length));
    store16(ip + IPV4_CHECKSUM, 0);
    store_checksum(ip + IPV4_CHECKSUM, sum_bytes(ip, IPV4_HEADER));
    const uint16_t pseudo = sum_fold(sum_pseudo_header(ip, covered));
    memcpy(ip + IPV4_HEADER + TCP_CHECKSUM, &pseudo, sizeof pseudo);
}

static void run_write(struct run *run)
{
    if (run->count == 0)
        return;
    run->vnet = (struct virtio_net_hdr) {0};
    if (run->count > 1)
        describe_super_packet(run);
    run->parts[0] = (struct iovec) {&run->vnet, sizeof run->vnet};
    run->parts[1] = (struct iovec) {run->header, run->headers};
    tun_write(run->tun, run->parts, 2 + run->count);
    run->count = run->length = 0;
}

/*
 * The length of the headers of a TCP segment that may be joined to others, or 0: IPv4 without options and not
 * a fragment, data, no flag but ACK and PSH. The checksum must be good, because the kernel will trust it.
 */
static size_t joinable(const uint8_t *packet, size_t length)
{
    if (length < IPV4_HEADER + TCP_HEADER || packet[0] != 0x45 || packet[IPV4_PROTOCOL] != IPPROTO_TCP)
        return 0;
    if (load16(packet + IPV4_FRAGMENT) & 0x3fff || load16(packet + IPV4_LENGTH) != length)
        return 0;
    const uint8_t *tcp = packet + IPV4_HEADER;
    const size_t headers = IPV4_HEADER + (tcp[TCP_OFFSET] >> 4) * 4u;
    const int flags = tcp[TCP_FLAGS];
    if (headers < IPV4_HEADER + TCP_HEADER || length <= headers)
        return 0;
    if (!(flags & TCP_ACK) || flags & ~(TCP_ACK | TCP_PSH))
        return 0;
    const size_t covered = length - IPV4_HEADER;
    return sum_fold(sum_bytes(tcp, covered) + sum_pseudo_header(packet, covered)) == 0xffff ? headers : 0;
}

static int continues(const struct run *run, const uint8_t *packet, size_t headers, size_t payload)
{
    const uint8_t *tcp = packet + IPV4_HEADER, *first = run->header + IPV4_HEADER;
    return headers == run->headers && load32(tcp + TCP_SEQUENCE) == run->next && payload <= run->payload
        && run->count < MOST_SEGMENTS && headers + run->length + payload <= VNET_SUPER_PACKET
        && memcmp(packet + IPV4_ADDRESSES, run->header + IPV4_ADDRESSES, 8) == 0
        && memcmp(tcp, first, TCP_SEQUENCE) == 0 /* both ports */
        && memcmp(tcp + TCP_ACKNOWLEDGEMENT, first + TCP_ACKNOWLEDGEMENT, 4) == 0
        && memcmp(tcp + TCP_WINDOW, first + TCP_WINDOW, 2) == 0
        && memcmp(tcp + TCP_HEADER, first + TCP_HEADER, headers - IPV4_HEADER - TCP_HEADER) == 0;
}

static void deliver(struct run *run, uint8_t *packet, size_t length)
{
    const size_t headers = joinable(packet, length), payload = length - headers;
    if (headers == 0) {
        run_write(run);
        write_single(run->tun, packet, length);
        return;
    }
    if (run->count > 0 && !continues(run, packet, headers, payload))
        run_write(run);
    if (run->count == 0) {
        run->headers = headers;
        run->payload = payload;
        memcpy(run->header, packet, headers);
    }
    const uint8_t *tcp = packet + IPV4_HEADER;
    const int is_last = payload < run->payload || tcp[TCP_FLAGS] & TCP_PSH;
    run->header[IPV4_HEADER + TCP_FLAGS] |= tcp[TCP_FLAGS] & TCP_PSH;
    run->parts[2 + run->count++] = (struct iovec) {packet + headers, payload};
    run->length += payload;
    run->next = load32(tcp + TCP_SEQUENCE) + (uint32_t)payload;
    if (is_last)
        run_write(run);
}

struct message {
    struct iovec bytes;
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
};

/* The length of each datagram in a message: what UDP_GRO says, or the whole. */
static size_t datagram_length(struct msghdr *header, size_t whole)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    int segment;
    if (!control || control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_GRO)
        return whole;
    memcpy(&segment, CMSG_DATA(control), sizeof segment);
    return (size_t)segment;
}

static void open_message(struct run *run, struct esp_sa *sa, struct msghdr *header, size_t length)
{
    uint8_t *bytes = header->msg_iov->iov_base;
    const size_t datagram = datagram_length(header, length);
    for (size_t offset = 0; offset < length; offset += datagram) {
        const size_t rest = length - offset;
        const size_t inner = esp_open(sa, bytes + offset, rest < datagram ? rest : datagram);
        if (inner > 0)
            deliver(run, bytes + offset + ESP_HEADER, inner);
    }
}

void forward_inbound(int udp, int tun, struct esp_sa *sa)
{
    static struct run run;
    struct message messages[MESSAGES];
    struct mmsghdr headers[MESSAGES];
    uint8_t *buffers = malloc((size_t)MESSAGES * MESSAGE);
    run.tun = tun;
    if (!buffers)
        exit(1);
    for (;;) {
        for (size_t i = 0; i < MESSAGES; i++) {
            messages[i].bytes = (struct iovec) {buffers + i * MESSAGE, MESSAGE};
            headers[i].msg_hdr = (struct msghdr) {
                .msg_iov = &messages[i].bytes,
                .msg_iovlen = 1,
                .msg_control = messages[i].control,
                .msg_controllen = sizeof messages[i].control,
            };
        }
        const int count = recvmmsg(udp, headers, MESSAGES, MSG_WAITFORONE, NULL);
        if (count < 0 && errno != EINTR && errno != ECONNREFUSED) {
            perror("esp-ceiling: recvmmsg");
            exit(1);
        }
        for (int i = 0; i < count; i++)
            open_message(&run, sa, &headers[i].msg_hdr, headers[i].msg_len);
        /* The payloads lie in buffers that the next call fills again. */
        run_write(&run);
    }
}
