#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/udp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

_Static_assert(
    LX_EPERM == EPERM && LX_ENOENT == ENOENT && LX_ESRCH == ESRCH && LX_EINTR == EINTR && LX_EIO == EIO &&
        LX_EAGAIN == EAGAIN && LX_EBUSY == EBUSY && LX_ENODEV == ENODEV && LX_EMSGSIZE == EMSGSIZE &&
        LX_ENOPROTOOPT == ENOPROTOOPT && LX_EAFNOSUPPORT == EAFNOSUPPORT &&
        LX_ENOMEM == ENOMEM && LX_EACCES == EACCES && LX_EEXIST == EEXIST && LX_EINVAL == EINVAL &&
        LX_ENOSYS == ENOSYS && LX_EBADMSG == EBADMSG && LX_EBADFD == EBADFD && LX_EPROTONOSUPPORT == EPROTONOSUPPORT && LX_EOPNOTSUPP == EOPNOTSUPP &&
        LX_EADDRINUSE == EADDRINUSE && LX_EADDRNOTAVAIL == EADDRNOTAVAIL && LX_ENOBUFS == ENOBUFS &&
        LX_ETIMEDOUT == ETIMEDOUT,
    "errno values of this architecture");

static long checked(long result) { return result < 0 ? -errno : result; }

static int domain(int family) { return family == 6 ? AF_INET6 : AF_INET; }

// Descriptors.

int lx_close(int fd) { return (int)checked(close(fd)); }

long lx_read(int fd, void *bytes, size_t count) { return checked(read(fd, bytes, count)); }

int lx_open_read_only(const char *path) { return (int)checked(open(path, O_RDONLY | O_CLOEXEC)); }

// Addresses.

static socklen_t to_socket_address(const struct lx_endpoint *endpoint, struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    if (endpoint->family == 6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(endpoint->port);
        memcpy(&v6->sin6_addr, endpoint->address, sizeof v6->sin6_addr);
        return sizeof *v6;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint->port);
    memcpy(&v4->sin_addr, endpoint->address, sizeof v4->sin_addr);
    return sizeof *v4;
}

static void from_socket_address(const struct sockaddr_storage *address, struct lx_endpoint *out) {
    memset(out, 0, sizeof *out);
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        out->family = 6;
        out->port = ntohs(v6->sin6_port);
        memcpy(out->address, &v6->sin6_addr, sizeof v6->sin6_addr);
    } else if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        out->family = 4;
        out->port = ntohs(v4->sin_port);
        memcpy(out->address, &v4->sin_addr, sizeof v4->sin_addr);
    }
}

// UDP sockets.

int lx_udp_socket(int family) {
    return (int)checked(socket(domain(family), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP));
}

static int set_int(int fd, int level, int name, int value) {
    return (int)checked(setsockopt(fd, level, name, &value, sizeof value));
}

int lx_set_option(int fd, int family, enum lx_option option, int value) {
    switch (option) {
    case LX_PACKET_INFO:
        return family == 6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, value)
                           : set_int(fd, IPPROTO_IP, IP_PKTINFO, value);
    case LX_V6ONLY:
        return set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, value);
    case LX_NO_PMTUD:
        return family == 6 ? set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT)
                           : set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
    case LX_RECEIVE_BUFFER:
        if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, value) == 0) return 0;
        return set_int(fd, SOL_SOCKET, SO_RCVBUF, value);
    case LX_SEND_BUFFER:
        if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, value) == 0) return 0;
        return set_int(fd, SOL_SOCKET, SO_SNDBUF, value);
    case LX_TRAFFIC_CLASS:
        return family == 6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, value)
                           : set_int(fd, IPPROTO_IP, IP_RECVTOS, value);
    case LX_UDP_GRO:
        return set_int(fd, IPPROTO_UDP, UDP_GRO, value);
    case LX_MARK:
        return set_int(fd, SOL_SOCKET, SO_MARK, value);
    case LX_REUSE_ADDRESS:
        return set_int(fd, SOL_SOCKET, SO_REUSEADDR, value);
    case LX_ESP_IN_UDP:
        return set_int(fd, IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP);
    }
    return -EINVAL;
}

int lx_set_xfrm_policy(int fd, int family, const void *policy, size_t count) {
    int level = family == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int name = family == 6 ? IPV6_XFRM_POLICY : IP_XFRM_POLICY;
    return (int)checked(setsockopt(fd, level, name, policy, (socklen_t)count));
}

int lx_bind(int fd, const struct lx_endpoint *local) {
    struct sockaddr_storage address;
    socklen_t length = to_socket_address(local, &address);
    return (int)checked(bind(fd, (struct sockaddr *)&address, length));
}

int lx_local_endpoint(int fd, struct lx_endpoint *local) {
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    long result = checked(getsockname(fd, (struct sockaddr *)&address, &length));
    from_socket_address(&address, local);
    return (int)result;
}

long lx_receive(int fd, void *bytes, size_t capacity, struct lx_endpoint *from, struct lx_endpoint *to) {
    struct sockaddr_storage address = {0};
    union {
        struct cmsghdr align;
        char space[128];
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof control};
    long result = checked(recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC));
    memset(to, 0, sizeof *to);
    if (result < 0) return result;
    from_socket_address(&address, from);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            to->family = 4;
            memcpy(to->address, &info.ipi_addr, sizeof info.ipi_addr);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            to->family = 6;
            memcpy(to->address, &info.ipi6_addr, sizeof info.ipi6_addr);
        }
    }
    return result;
}

long lx_send(int fd, const void *bytes, size_t count, const struct lx_endpoint *from, const struct lx_endpoint *to) {
    struct sockaddr_storage address;
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {
        .msg_name = &address, .msg_namelen = to_socket_address(to, &address), .msg_iov = &part, .msg_iovlen = 1};
    static const uint8_t unspecified[16];
    if (memcmp(from->address, unspecified, from->family == 6 ? 16 : 4) != 0) {
        struct cmsghdr *c = &control.align;
        message.msg_control = &control;
        if (from->family == 6) {
            struct in6_pktinfo info = {0};
            memcpy(&info.ipi6_addr, from->address, sizeof info.ipi6_addr);
            c->cmsg_level = IPPROTO_IPV6;
            c->cmsg_type = IPV6_PKTINFO;
            c->cmsg_len = CMSG_LEN(sizeof info);
            memcpy(CMSG_DATA(c), &info, sizeof info);
            message.msg_controllen = CMSG_SPACE(sizeof info);
        } else {
            struct in_pktinfo info = {0};
            memcpy(&info.ipi_spec_dst, from->address, sizeof info.ipi_spec_dst);
            c->cmsg_level = IPPROTO_IP;
            c->cmsg_type = IP_PKTINFO;
            c->cmsg_len = CMSG_LEN(sizeof info);
            memcpy(CMSG_DATA(c), &info, sizeof info);
            message.msg_controllen = CMSG_SPACE(sizeof info);
        }
    }
    return checked(sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int lx_resolve(const char *name, struct lx_endpoint *addresses, int capacity) {
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    if (getaddrinfo(name, NULL, &hints, &found) != 0) return -EADDRNOTAVAIL;
    int count = 0;
    for (struct addrinfo *one = found; one && count < capacity; one = one->ai_next) {
        struct sockaddr_storage address = {0};
        if (one->ai_addrlen > sizeof address) continue;
        memcpy(&address, one->ai_addr, one->ai_addrlen);
        from_socket_address(&address, &addresses[count]);
        if (addresses[count].family != 0) count++;
    }
    freeaddrinfo(found);
    return count > 0 ? count : -EADDRNOTAVAIL;
}

// Netlink.

long lx_netlink_receive(int fd, void *bytes, size_t capacity, uint32_t *sender) {
    struct sockaddr_nl address = {0};
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1};
    long result = checked(recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC));
    *sender = address.nl_pid;
    return result;
}

int lx_netlink_receive_buffer(int fd, int bytes) { return lx_set_option(fd, 4, LX_RECEIVE_BUFFER, bytes); }

// Waiting.

int lx_epoll_create(void) { return (int)checked(epoll_create1(EPOLL_CLOEXEC)); }

static int epoll_change(int epoll, int operation, int fd, uint64_t token) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = token};
    return (int)checked(epoll_ctl(epoll, operation, fd, &event));
}

int lx_epoll_add(int epoll, int fd, uint64_t token) { return epoll_change(epoll, EPOLL_CTL_ADD, fd, token); }

int lx_epoll_arm(int epoll, int fd, uint64_t token) { return epoll_change(epoll, EPOLL_CTL_MOD, fd, token); }

int lx_epoll_remove(int epoll, int fd) { return epoll_change(epoll, EPOLL_CTL_DEL, fd, 0); }

int lx_epoll_wait(int epoll, uint64_t *tokens, int count) {
    struct epoll_event events[32];
    int result = (int)checked(epoll_wait(epoll, events, count < 32 ? count : 32, -1));
    for (int i = 0; i < result; i++) tokens[i] = events[i].data.u64;
    return result;
}

int lx_eventfd(void) { return (int)checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int lx_eventfd_signal(int fd) {
    uint64_t one = 1;
    return (int)checked(write(fd, &one, sizeof one));
}

int lx_wait_readable(int fd, int milliseconds) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return (int)checked(poll(&wait, 1, milliseconds));
}

// The host.

static long capabilities(struct __user_cap_data_struct data[2]) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return checked(syscall(SYS_capget, &header, data));
}

int lx_effective_capabilities(uint64_t *set) {
    struct __user_cap_data_struct data[2] = {0};
    long result = capabilities(data);
    *set = (uint64_t)data[1].effective << 32 | data[0].effective;
    return (int)result;
}

int lx_permitted_capabilities(uint64_t *set) {
    struct __user_cap_data_struct data[2] = {0};
    long result = capabilities(data);
    *set = (uint64_t)data[1].permitted << 32 | data[0].permitted;
    return (int)result;
}

int lx_set_capabilities(uint64_t set) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    uint32_t low = (uint32_t)set, high = (uint32_t)(set >> 32);
    struct __user_cap_data_struct data[2] = {
        {.effective = low, .permitted = low}, {.effective = high, .permitted = high}};
    return (int)checked(syscall(SYS_capset, &header, data));
}

int lx_drop_from_bounding_set(int capability) { return (int)checked(prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)); }

int lx_set_no_new_privileges(void) { return (int)checked(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

int lx_set_not_dumpable(void) { return (int)checked(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); }

int lx_kernel_release(char *text, size_t capacity) {
    struct utsname names;
    long result = checked(uname(&names));
    if (result < 0 || capacity == 0) return (int)result;
    strncpy(text, names.release, capacity - 1);
    text[capacity - 1] = 0;
    return 0;
}

int lx_allowed_cores(void) {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
}

static int64_t nanoseconds(clockid_t clock) {
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t lx_wall_clock_nanoseconds(void) { return nanoseconds(CLOCK_REALTIME); }

int64_t lx_monotonic_nanoseconds(void) { return nanoseconds(CLOCK_MONOTONIC); }

void lx_wipe(void *bytes, size_t count) { explicit_bzero(bytes, count); }

void lx_error_text(int error, char *text, size_t capacity) {
    if (capacity == 0) return;
    strncpy(text, strerrordesc_np(error) ? strerrordesc_np(error) : "unknown error", capacity - 1);
    text[capacity - 1] = 0;
}
