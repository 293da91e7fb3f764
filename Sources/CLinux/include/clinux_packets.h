#pragma once
// Packets of the user-space ESP engine: TUN, and many datagrams per system call. In the manner of clinux.h: 0 or more
// on success, -errno on failure, no logic, and nothing that allocates memory.
#include <stddef.h>
#include <stdint.h>

#include "clinux.h"

// TUN devices.

enum {
    LX_TUN_CHECKSUM = 1, // TUN_F_CSUM
    LX_TUN_TSO4 = 2,     // TUN_F_TSO4
    LX_TUN_TSO6 = 4,     // TUN_F_TSO6
    LX_TUN_USO4 = 32,    // TUN_F_USO4
    LX_TUN_USO6 = 64,    // TUN_F_USO6
};

/// What precedes each packet (struct virtio_net_hdr).
enum { LX_TUN_HEADER_BYTES = 10 };

/// `path` is /dev/net/tun, unless a test wants to see what happens without.
int lx_tun_open(const char *path);
/// 1 if the driver knows packet headers (IFF_VNET_HDR), 0 if not.
int lx_tun_knows_headers(int fd);
/// Makes the device, with packet headers or without. `name` may hold %d and is replaced by what the device is called.
int lx_tun_attach(int fd, char name[16], int headers);
/// Sets what we take from the kernel: a set of LX_TUN_ values.
int lx_tun_set_offloads(int fd, unsigned offloads);

struct lx_piece {
    int32_t offset;
    int32_t count;
};

enum { LX_MAXIMUM_PIECES = 130 };

/// One writev(2) of up to LX_MAXIMUM_PIECES ranges of `bytes`; the caller has checked them.
long lx_write_pieces(int fd, const void *bytes, const struct lx_piece *pieces, int count);

/// Whether reads wait for a packet. It counts for the next call, and for one that a signal comes into.
int lx_set_blocking(int fd, int blocking);

// Sockets.

int lx_raw_esp_socket(int family);
int lx_duplicate(int fd);
/// What LX_RECEIVE_BUFFER or LX_SEND_BUFFER became, in the same bytes.
int lx_buffer_size(int fd, enum lx_option option);
/// 0 if the kernel cuts datagrams (UDP_SEGMENT), which is left switched off for those that do not ask.
int lx_probe_udp_segmentation(int fd);
int lx_connect(int fd, const struct lx_endpoint *remote);
/// The MTU of a connected socket's path.
int lx_path_mtu(int fd, int family);

/// From where to where a datagram goes. Addresses are numbers in two halves, IPv4 in the lower one; ports and numbers
/// are in host byte order.
struct lx_route {
    uint64_t source_high, source_low; // both 0 if the kernel may choose
    uint64_t destination_high, destination_low;
    uint16_t destination_port;
    uint8_t family;        // 4 or 6
    uint8_t traffic_class; // 0 leaves it to the socket
    uint8_t is_connected;  // 1 if the socket knows both ends, so that neither is said
};

/// One datagram, or many of `segment` bytes that the kernel cuts from it if `segment` is not 0 (UDP_SEGMENT).
long lx_send_packet(int fd, const void *bytes, size_t count, uint16_t segment, const struct lx_route *route);

enum { LX_MAXIMUM_DATAGRAMS = 64 };

/// Up to LX_MAXIMUM_DATAGRAMS datagrams of `segment` bytes each, and a shorter last one: how many the kernel took.
long lx_send_packets(int fd, const void *bytes, size_t count, size_t segment, const struct lx_route *route);

/// What was received into one slot.
struct lx_slot {
    uint64_t source_high, source_low;
    uint64_t destination_high, destination_low;
    uint32_t count;
    uint32_t segment; // what all datagrams but the last have; 0 if there is only one
    uint16_t source_port;
    uint8_t family;             // of the source; 0 if unknown
    uint8_t destination_family; // 0 if unknown
    uint8_t traffic_class;
    uint8_t is_truncated;
};

enum { LX_MAXIMUM_SLOTS = 16 };

/// Receives up to `count` datagrams, at most LX_MAXIMUM_SLOTS, into slots of `slot_size` bytes that lie one after the
/// other in `bytes`: how many.
long lx_receive_packets(int fd, void *bytes, size_t slot_size, struct lx_slot *slots, int count);

// Waiting.

enum { LX_MAXIMUM_POLLED = 16 };

/// Waits until one of `count` descriptors is ready: bit n of `writable` asks for room to write to the nth instead of
/// something to read. Which are ready, errors included, as bits; 0 after `milliseconds`. Negative ones never are.
long lx_poll(const int *fds, int count, unsigned writable, int milliseconds);

// Threads.

/// What tools call the calling thread; the kernel keeps 15 bytes.
int lx_name_thread(const char *name);
/// The calling thread, as the kernel counts.
int lx_thread_id(void);
/// Lets SIGURG, which means nothing to us, do nothing but end what a thread is blocked in (EINTR).
int lx_allow_interruption(void);
/// Opens the calling thread to it: one that was started by a thread of Swift's takes no signals.
int lx_accept_interruption(void);
/// Gets a thread of this process out of what it is blocked in.
int lx_interrupt_thread(int thread);
/// The calling thread leaves its network namespace for a new and empty one.
int lx_unshare_network(void);
