#pragma once
// System calls in a shape that Swift can call: no macros, no variadics, no control messages, no packed unions.
// Each returns 0 or more on success and -errno on failure, so that nobody reads errno too late. No logic here.
#include <stddef.h>
#include <stdint.h>

/// An IP address with a UDP port in host byte order; `family` is 4 or 6, and IPv4 uses the first four bytes.
struct lx_endpoint {
    uint8_t address[16];
    uint16_t port;
    uint8_t family;
};

enum lx_option {
    LX_PACKET_INFO,    // tell where each packet was sent to
    LX_V6ONLY,         // an IPv6 socket does not take IPv4
    LX_NO_PMTUD,       // DF off: large packets may be fragmented on the way
    LX_RECEIVE_BUFFER, // bytes; beyond net.core.rmem_max if we may
    LX_SEND_BUFFER,    // bytes; beyond net.core.wmem_max if we may
    LX_TRAFFIC_CLASS,  // tell with which traffic class (TOS) each packet came
    LX_UDP_GRO,        // datagrams of one sender may come as one
    LX_MARK,           // the mark that routing and firewalls see on what is sent
    LX_ESP_IN_UDP,     // the kernel takes ESP out of this socket (RFC 3948)
    LX_REUSE_ADDRESS,  // another socket that has this as well may be bound to the same address and port
};

// Descriptors.
int lx_close(int fd);
long lx_read(int fd, void *bytes, size_t count);
int lx_open_read_only(const char *path);

// UDP sockets. `family` is 4 or 6.
int lx_udp_socket(int family);
int lx_set_option(int fd, int family, enum lx_option option, int value);
int lx_set_xfrm_policy(int fd, int family, const void *policy, size_t count);
int lx_bind(int fd, const struct lx_endpoint *local);
int lx_local_endpoint(int fd, struct lx_endpoint *local);
/// One datagram: its length, which is more than `capacity` if it did not fit. `to->family` is 0 if unknown.
long lx_receive(int fd, void *bytes, size_t capacity, struct lx_endpoint *from, struct lx_endpoint *to);
/// Sends with the source address `from`, unless that is unspecified.
long lx_send(int fd, const void *bytes, size_t count, const struct lx_endpoint *from, const struct lx_endpoint *to);

/// Up to `capacity` addresses that a name stands for, in the order in which they should be tried: how many, or
/// -EADDRNOTAVAIL if it stands for none, or nobody knows. Waits for name servers.
int lx_resolve(const char *name, struct lx_endpoint *addresses, int capacity);

// Netlink: one datagram; `sender` is the port ID it came from, 0 for the kernel. More than `capacity` if it did not fit.
long lx_netlink_receive(int fd, void *bytes, size_t capacity, uint32_t *sender);
int lx_netlink_receive_buffer(int fd, int bytes);

// Waiting. A registration is one-shot: it reports readability once and sleeps until it is armed again.
int lx_epoll_create(void);
int lx_epoll_add(int epoll, int fd, uint64_t token);
int lx_epoll_arm(int epoll, int fd, uint64_t token);
int lx_epoll_remove(int epoll, int fd);
/// Up to `count` tokens of descriptors that are readable; waits without end.
int lx_epoll_wait(int epoll, uint64_t *tokens, int count);
int lx_eventfd(void);
int lx_eventfd_signal(int fd);
/// 1 if `fd` is readable within `milliseconds`, 0 if not.
int lx_wait_readable(int fd, int milliseconds);

// The host.
int lx_effective_capabilities(uint64_t *set);
/// The kernel's release, such as `6.1.0-13-amd64`, with a zero at the end.
int lx_kernel_release(char *text, size_t capacity);
/// How many processor cores this process may run on; 0 if the kernel does not say.
int lx_allowed_cores(void);
/// Nanoseconds since 1970.
int64_t lx_wall_clock_nanoseconds(void);
/// Nanoseconds of a clock that nobody sets.
int64_t lx_monotonic_nanoseconds(void);
/// Overwrites `count` bytes in a way that the compiler may not leave out.
void lx_wipe(void *bytes, size_t count);

// Privileges. Capabilities are numbered as in <linux/capability.h>; all but the last belong to the calling thread.
int lx_permitted_capabilities(uint64_t *set);
/// What the thread is permitted, what is in effect, and what programs that it starts inherit (nothing).
int lx_set_capabilities(uint64_t set);
/// -EINVAL for a capability that the kernel does not know, -EPERM without CAP_SETPCAP.
int lx_drop_from_bounding_set(int capability);
int lx_set_no_new_privileges(void);
/// The process's: no core dumps, and nobody but root may attach a debugger.
int lx_set_not_dumpable(void);

// <errno.h>, for readers of the values above.
enum {
    LX_EPERM = 1,
    LX_ENOENT = 2,
    LX_ESRCH = 3,
    LX_EINTR = 4,
    LX_EIO = 5,
    LX_EAGAIN = 11,
    LX_ENOMEM = 12,
    LX_EACCES = 13,
    LX_EBUSY = 16,
    LX_EEXIST = 17,
    LX_ENODEV = 19,
    LX_EINVAL = 22,
    LX_ENOSYS = 38,
    LX_EBADMSG = 74,
    LX_EBADFD = 77,
    LX_EMSGSIZE = 90,
    LX_ENOPROTOOPT = 92,
    LX_EPROTONOSUPPORT = 93,
    LX_EOPNOTSUPP = 95,
    LX_EAFNOSUPPORT = 97,
    LX_EADDRINUSE = 98,
    LX_EADDRNOTAVAIL = 99,
    LX_ENOBUFS = 105,
    LX_ETIMEDOUT = 110,
};
/// The C library's text for an errno, put into `text` with a zero at the end.
void lx_error_text(int error, char *text, size_t capacity);
