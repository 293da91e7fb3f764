#define _GNU_SOURCE
#include "clinux_packets.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/udp.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// Headers older than Linux 6.2 do not have these.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

_Static_assert(
    LX_TUN_CHECKSUM == TUN_F_CSUM && LX_TUN_TSO4 == TUN_F_TSO4 && LX_TUN_TSO6 == TUN_F_TSO6 &&
        LX_TUN_USO4 == TUN_F_USO4 && LX_TUN_USO6 == TUN_F_USO6 &&
        LX_TUN_HEADER_BYTES == sizeof(struct virtio_net_hdr),
    "numbers of linux/if_tun.h");

static long checked(long result) { return result < 0 ? -errno : result; }

// TUN devices.

int lx_tun_open(const char *path) { return (int)checked(open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)); }

int lx_tun_knows_headers(int fd) {
    unsigned features = 0;
    long result = checked(ioctl(fd, TUNGETFEATURES, &features));
    return result < 0 ? (int)result : (features & IFF_VNET_HDR) != 0;
}

int lx_tun_attach(int fd, char name[16], int headers) {
    struct ifreq request = {0};
    memcpy(request.ifr_name, name, sizeof request.ifr_name);
    request.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | (headers ? IFF_VNET_HDR : 0));
    long result = checked(ioctl(fd, TUNSETIFF, &request));
    if (result < 0) return (int)result;
    memcpy(name, request.ifr_name, sizeof request.ifr_name);
    int size = LX_TUN_HEADER_BYTES;
    return headers ? (int)checked(ioctl(fd, TUNSETVNETHDRSZ, &size)) : 0;
}

int lx_tun_set_offloads(int fd, unsigned offloads) {
    return (int)checked(ioctl(fd, TUNSETOFFLOAD, (unsigned long)offloads));
}

long lx_write_pieces(int fd, const void *bytes, const struct lx_piece *pieces, int count) {
    struct iovec parts[LX_MAXIMUM_PIECES];
    if (count < 0 || count > LX_MAXIMUM_PIECES) return -EINVAL;
    for (int i = 0; i < count; i++)
        parts[i] = (struct iovec){
            .iov_base = (char *)bytes + pieces[i].offset, .iov_len = (size_t)pieces[i].count};
    return checked(writev(fd, parts, count));
}

int lx_set_blocking(int fd, int blocking) { return (int)checked(fcntl(fd, F_SETFL, blocking ? 0 : O_NONBLOCK)); }

// Sockets.

int lx_raw_esp_socket(int family) {
    int domain = family == 6 ? AF_INET6 : AF_INET;
    return (int)checked(socket(domain, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ESP));
}

int lx_duplicate(int fd) { return (int)checked(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

static int option(int fd, int level, int name) {
    int value = 0;
    socklen_t length = sizeof value;
    long result = checked(getsockopt(fd, level, name, &value, &length));
    return result < 0 ? (int)result : value;
}

int lx_buffer_size(int fd, enum lx_option name) {
    // The kernel doubles what it is asked for, and says the double (socket(7)).
    return option(fd, SOL_SOCKET, name == LX_SEND_BUFFER ? SO_SNDBUF : SO_RCVBUF) / 2;
}

int lx_probe_udp_segmentation(int fd) {
    int off = 0;
    return (int)checked(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &off, sizeof off));
}

static socklen_t socket_address(
    int family, uint64_t high, uint64_t low, uint16_t port, struct sockaddr_storage *out) {
    uint64_t halves[2] = {htobe64(high), htobe64(low)};
    if (family == 6) {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&v6.sin6_addr, halves, sizeof v6.sin6_addr);
        memcpy(out, &v6, sizeof v6);
        return sizeof v6;
    }
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    v4.sin_addr.s_addr = htonl((uint32_t)low);
    memcpy(out, &v4, sizeof v4);
    return sizeof v4;
}

int lx_connect(int fd, const struct lx_endpoint *remote) {
    struct sockaddr_storage address;
    uint64_t halves[2] = {0};
    uint32_t v4 = 0;
    memcpy(halves, remote->address, sizeof halves);
    memcpy(&v4, remote->address, sizeof v4);
    uint64_t low = remote->family == 6 ? be64toh(halves[1]) : ntohl(v4);
    socklen_t length = socket_address(remote->family, be64toh(halves[0]), low, remote->port, &address);
    return (int)checked(connect(fd, (struct sockaddr *)&address, length));
}

int lx_path_mtu(int fd, int family) {
    return family == 6 ? option(fd, IPPROTO_IPV6, IPV6_MTU) : option(fd, IPPROTO_IP, IP_MTU);
}

// Sending.

union control {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t))];
};

static void append(struct msghdr *message, union control *control, int level, int type, const void *data, size_t size) {
    struct cmsghdr *c = (struct cmsghdr *)(control->space + message->msg_controllen);
    message->msg_control = control;
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), data, size);
    message->msg_controllen += CMSG_SPACE(size);
}

/// Fills in all but the bytes.
static void address_message(
    struct msghdr *message, const struct lx_route *route, uint16_t segment, struct sockaddr_storage *address,
    union control *control) {
    *message = (struct msghdr){0};
    if (!route->is_connected) {
        message->msg_name = address;
        message->msg_namelen = socket_address(
            route->family, route->destination_high, route->destination_low, route->destination_port, address);
    }
    if (!route->is_connected && (route->source_high | route->source_low)) {
        if (route->family == 6) {
            uint64_t halves[2] = {htobe64(route->source_high), htobe64(route->source_low)};
            struct in6_pktinfo info = {0};
            memcpy(&info.ipi6_addr, halves, sizeof info.ipi6_addr);
            append(message, control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
        } else {
            struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl((uint32_t)route->source_low)};
            append(message, control, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
        }
    }
    if (route->traffic_class) {
        int class = route->traffic_class;
        if (route->family == 6) append(message, control, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof class);
        else append(message, control, IPPROTO_IP, IP_TOS, &class, sizeof class);
    }
    if (segment) append(message, control, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
}

long lx_send_packet(int fd, const void *bytes, size_t count, uint16_t segment, const struct lx_route *route) {
    struct sockaddr_storage address;
    union control control;
    struct msghdr message;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    address_message(&message, route, segment, &address, &control);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return checked(sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

long lx_send_packets(int fd, const void *bytes, size_t count, size_t segment, const struct lx_route *route) {
    struct sockaddr_storage address;
    union control control;
    struct iovec parts[LX_MAXIMUM_DATAGRAMS];
    struct mmsghdr messages[LX_MAXIMUM_DATAGRAMS];
    struct msghdr template;
    unsigned filled = 0;
    address_message(&template, route, 0, &address, &control);
    for (size_t offset = 0; offset < count && filled < LX_MAXIMUM_DATAGRAMS; filled++) {
        size_t size = count - offset < segment ? count - offset : segment;
        parts[filled] = (struct iovec){.iov_base = (char *)bytes + offset, .iov_len = size};
        messages[filled] = (struct mmsghdr){.msg_hdr = template};
        messages[filled].msg_hdr.msg_iov = &parts[filled];
        messages[filled].msg_hdr.msg_iovlen = 1;
        offset += size;
    }
    return checked(sendmmsg(fd, messages, filled, MSG_DONTWAIT | MSG_NOSIGNAL));
}

// Receiving.

static uint64_t half(const void *bytes) {
    uint64_t number;
    memcpy(&number, bytes, sizeof number);
    return be64toh(number);
}

static void read_source(const struct sockaddr_storage *address, struct lx_slot *slot) {
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        slot->family = 6;
        slot->source_high = half(v6->sin6_addr.s6_addr);
        slot->source_low = half(v6->sin6_addr.s6_addr + 8);
        slot->source_port = ntohs(v6->sin6_port);
    } else if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        slot->family = 4;
        slot->source_low = ntohl(v4->sin_addr.s_addr);
        slot->source_port = ntohs(v4->sin_port);
    }
}

static void read_control(const struct cmsghdr *c, struct lx_slot *slot) {
    int value;
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(c), sizeof info);
        slot->destination_family = 4;
        slot->destination_low = ntohl(info.ipi_addr.s_addr);
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
        slot->destination_family = 6;
        slot->destination_high = half(CMSG_DATA(c));
        slot->destination_low = half(CMSG_DATA(c) + 8);
    } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
        slot->traffic_class = *CMSG_DATA(c);
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
        memcpy(&value, CMSG_DATA(c), sizeof value);
        slot->traffic_class = (uint8_t)value;
    } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
        memcpy(&value, CMSG_DATA(c), sizeof value);
        slot->segment = value > 0 ? (uint32_t)value : 0;
    }
}

long lx_receive_packets(int fd, void *bytes, size_t slot_size, struct lx_slot *slots, int count) {
    struct sockaddr_storage addresses[LX_MAXIMUM_SLOTS];
    struct iovec parts[LX_MAXIMUM_SLOTS];
    struct mmsghdr messages[LX_MAXIMUM_SLOTS];
    union {
        struct cmsghdr align;
        char space[128];
    } controls[LX_MAXIMUM_SLOTS];
    if (count < 0 || count > LX_MAXIMUM_SLOTS) return -EINVAL;
    for (int i = 0; i < count; i++) {
        addresses[i].ss_family = AF_UNSPEC;
        parts[i] = (struct iovec){.iov_base = (char *)bytes + (size_t)i * slot_size, .iov_len = slot_size};
        messages[i] = (struct mmsghdr){.msg_hdr = {
            .msg_name = &addresses[i], .msg_namelen = sizeof addresses[i], .msg_iov = &parts[i], .msg_iovlen = 1,
            .msg_control = &controls[i], .msg_controllen = sizeof controls[i]}};
    }
    long result = checked(recvmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT, NULL));
    for (long i = 0; i < result; i++) {
        struct msghdr *message = &messages[i].msg_hdr;
        slots[i] = (struct lx_slot){
            .count = messages[i].msg_len, .is_truncated = (message->msg_flags & MSG_TRUNC) != 0};
        read_source(&addresses[i], &slots[i]);
        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) read_control(c, &slots[i]);
    }
    return result;
}

// Waiting.

long lx_poll(const int *fds, int count, unsigned writable, int milliseconds) {
    struct pollfd waits[LX_MAXIMUM_POLLED];
    if (count < 0 || count > LX_MAXIMUM_POLLED) return -EINVAL;
    for (int i = 0; i < count; i++)
        waits[i] = (struct pollfd){.fd = fds[i], .events = writable >> i & 1 ? POLLOUT : POLLIN};
    long result = checked(poll(waits, (nfds_t)count, milliseconds));
    if (result <= 0) return result;
    long ready = 0;
    for (int i = 0; i < count; i++) ready |= (long)(waits[i].revents != 0) << i;
    return ready;
}

// Threads.

int lx_name_thread(const char *name) { return (int)checked(prctl(PR_SET_NAME, name, 0, 0, 0)); }

int lx_thread_id(void) { return (int)syscall(SYS_gettid); }

static void nothing(int number) { (void)number; }

int lx_allow_interruption(void) {
    // Without SA_RESTART: the call must end.
    struct sigaction action = {.sa_handler = nothing};
    return (int)checked(sigaction(SIGURG, &action, NULL));
}

int lx_accept_interruption(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    return -pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int lx_interrupt_thread(int thread) { return (int)checked(syscall(SYS_tgkill, getpid(), thread, SIGURG)); }

int lx_unshare_network(void) { return (int)checked(unshare(CLONE_NEWNET)); }
