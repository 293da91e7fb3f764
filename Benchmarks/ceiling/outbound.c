#include <errno.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bytes.h"
#include "forward.h"
#include "inner.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* Linux 6.2 */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* The kernel's limit for one send with UDP_SEGMENT: UDP_MAX_SEGMENTS, 64 before Linux 6.9. */
enum { MOST_SEGMENTS = 64 };

/* ESP packets of one length, the last may be shorter: what one call may send. */
struct train {
    int udp;
    size_t count;
    size_t first;  /* length of the first packet, in bytes */
    size_t length; /* of all together, in bytes */
    uint8_t bytes[LARGEST_DATAGRAM + ESP_GROWTH];
};

static void train_send(struct train *train)
{
    struct iovec bytes = {train->bytes, train->length};
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))];
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    if (train->count == 0)
        return;
    if (train->count > 1) {
        const uint16_t segment = (uint16_t)train->first;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = IPPROTO_UDP;
        header->cmsg_type = UDP_SEGMENT;
        header->cmsg_len = CMSG_LEN(sizeof segment);
        memcpy(CMSG_DATA(header), &segment, sizeof segment);
    }
    while (sendmsg(train->udp, &message, 0) < 0) {
        if (errno == EINTR || errno == EAGAIN || errno == ENOBUFS)
            continue;
        if (errno != ECONNREFUSED) /* the other end is not there yet */
            perror("esp-ceiling: sendmsg");
        break;
    }
    train->count = train->first = train->length = 0;
}

/* Where the next inner packet of `length` bytes is to be written. */
static uint8_t *train_reserve(struct train *train, size_t length)
{
    if (train->count == MOST_SEGMENTS || train->length + length + ESP_GROWTH > LARGEST_DATAGRAM)
        train_send(train);
    return train->bytes + train->length + ESP_HEADER;
}

static void train_seal(struct train *train, struct esp_sa *sa, size_t length)
{
    const size_t sealed = esp_seal(sa, train->bytes + train->length, length);
    if (train->count == 0)
        train->first = sealed;
    train->count += 1;
    train->length += sealed;
}

/* A packet from TUN that stands for many segments. */
struct super_packet {
    const uint8_t *bytes;
    size_t length;
    size_t ip_header;
    size_t headers; /* IP and TCP or UDP together */
    size_t payload; /* of each segment */
    int is_udp;
};

static void finish_udp(uint8_t *segment, const struct super_packet *whole, size_t length)
{
    uint8_t *udp = segment + whole->ip_header;
    const size_t datagram = length - whole->ip_header;
    store16(udp + UDP_LENGTH, (uint16_t)datagram);
    store16(udp + UDP_CHECKSUM, 0);
    store_checksum(udp + UDP_CHECKSUM, sum_bytes(udp, datagram) + sum_pseudo_header(segment, datagram));
}

/* `offset` is where this segment's payload lies in the payload of all. */
static void finish_tcp(uint8_t *segment, const struct super_packet *whole, size_t length, size_t offset)
{
    uint8_t *tcp = segment + whole->ip_header;
    const int is_first = offset == 0, is_last = whole->headers + offset + whole->payload >= whole->length;
    store32(tcp + TCP_SEQUENCE, load32(tcp + TCP_SEQUENCE) + (uint32_t)offset);
    if (!is_first)
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
    if (!is_last)
        tcp[TCP_FLAGS] &= (uint8_t)~(TCP_FIN | TCP_PSH);
    store16(tcp + TCP_CHECKSUM, 0);
    const size_t covered = length - whole->ip_header;
    store_checksum(tcp + TCP_CHECKSUM, sum_bytes(tcp, covered) + sum_pseudo_header(segment, covered));
}

static void send_segments(struct train *train, struct esp_sa *sa, const struct super_packet *whole)
{
    const uint16_t identification = load16(whole->bytes + IPV4_IDENTIFICATION);
    const size_t end = whole->length - whole->headers;
    uint16_t number = 0;
    for (size_t offset = 0; offset < end; offset += whole->payload, number++) {
        const size_t payload = end - offset < whole->payload ? end - offset : whole->payload;
        const size_t length = whole->headers + payload;
        uint8_t *segment = train_reserve(train, length);
        memcpy(segment, whole->bytes, whole->headers);
        memcpy(segment + whole->headers, whole->bytes + whole->headers + offset, payload);
        store16(segment + IPV4_LENGTH, (uint16_t)length);
        store16(segment + IPV4_IDENTIFICATION, (uint16_t)(identification + number));
        store16(segment + IPV4_CHECKSUM, 0);
        store_checksum(segment + IPV4_CHECKSUM, sum_bytes(segment, whole->ip_header));
        if (whole->is_udp)
            finish_udp(segment, whole, length);
        else
            finish_tcp(segment, whole, length, offset);
        train_seal(train, sa, length);
    }
    train_send(train);
}

/* One packet as it is, but for a checksum that the kernel left to us. */
static void send_single(
    struct train *train, struct esp_sa *sa, const struct virtio_net_hdr *header, uint8_t *packet,
    size_t length)
{
    if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        uint8_t *covered = packet + header->csum_start;
        store_checksum(covered + header->csum_offset, sum_bytes(covered, length - header->csum_start));
    }
    memcpy(train_reserve(train, length), packet, length);
    train_seal(train, sa, length);
    train_send(train);
}

static void forward(
    struct train *train, struct esp_sa *sa, const struct virtio_net_hdr *header, uint8_t *packet,
    size_t length)
{
    const int kind = header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
    if (packet[0] >> 4 != 4)
        return;
    if (kind == VIRTIO_NET_HDR_GSO_NONE) {
        send_single(train, sa, header, packet, length);
        return;
    }
    const size_t ip_header = (packet[0] & 15u) * 4;
    const int is_udp = kind == VIRTIO_NET_HDR_GSO_UDP_L4;
    if (!is_udp && kind != VIRTIO_NET_HDR_GSO_TCPV4)
        return;
    const size_t transport = is_udp ? UDP_HEADER : (packet[ip_header + TCP_OFFSET] >> 4) * 4u;
    const struct super_packet whole = {
        packet, length, ip_header, ip_header + transport, header->gso_size, is_udp,
    };
    send_segments(train, sa, &whole);
}

void forward_outbound(int tun, int udp, struct esp_sa *sa)
{
    static uint8_t buffer[sizeof(struct virtio_net_hdr) + VNET_SUPER_PACKET];
    static struct train train;
    train.udp = udp;
    for (;;) {
        struct virtio_net_hdr header;
        const ssize_t got = read(tun, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= (ssize_t)sizeof header) {
            perror("esp-ceiling: read from TUN");
            exit(1);
        }
        memcpy(&header, buffer, sizeof header);
        forward(&train, sa, &header, buffer + sizeof header, (size_t)got - sizeof header);
    }
}
