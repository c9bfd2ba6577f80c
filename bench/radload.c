/*
 * radload.c - a RADIUS load generator for loopback benchmarks.
 *
 * build:  gcc -O2 -Wall -o radload radload.c
 * run:    ./radload -p 1812 -S testing123 -u alice -w secret1 -d 5 -W 64 -P SERVER_PID
 *         ./radload -p 1813 -a -d 5 -W 64 -P SERVER_PID          (accounting)
 *         ./radload -p 1812 -d 5 -r 1000 -P SERVER_PID           (open loop, 1000 requests/s)
 *         ./radload -p 9000 -E -d 5 -P SERVER_PID                (peer is a UDP echo)
 *
 * Sends only to loopback addresses (-H, default 127.0.0.1) and stops by itself after -d seconds or -c requests.
 *
 *         ./radload -p 1812 -A -d 5              (sessions that come again, with Cisco's audit-session-id)
 *
 * What it does: Access-Requests (PAP, fresh random Request Authenticator,
 * encrypted User-Password, valid Message-Authenticator) or Accounting-Requests
 * (valid Request Authenticator, unique Acct-Session-Id); N connected sockets x
 * 256 ids, every (socket, id) pair is reused as late as possible; sendmmsg and
 * recvmmsg.  Every reply is checked: id in flight, Response Authenticator, and
 * Message-Authenticator where there is one (none of it with -E).
 *
 * Closed loop (default): -W requests are kept outstanding.
 * Open loop (-r RATE): requests leave on a schedule; latency counts from the
 * scheduled time, so a stalled server is not flattered.
 *
 * Output: one JSON object on one line.  cpu_us_per_req is utime+stime of all
 * -P processes (from /proc/PID/stat, 10 ms ticks) per reply received;
 * gen_cpu is the share of one core the generator itself used: near 1.0 it is
 * the generator that limits.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---------------------------------------------------------------- MD5 ---- */
typedef struct { uint32_t s[4]; uint64_t len; uint8_t buf[64]; } md5_t;

static const uint32_t K[64] = {
	0xd76aa478,0xe8c7b756,0x242070db,0xc1bdceee,0xf57c0faf,0x4787c62a,0xa8304613,0xfd469501,
	0x698098d8,0x8b44f7af,0xffff5bb1,0x895cd7be,0x6b901122,0xfd987193,0xa679438e,0x49b40821,
	0xf61e2562,0xc040b340,0x265e5a51,0xe9b6c7aa,0xd62f105d,0x02441453,0xd8a1e681,0xe7d3fbc8,
	0x21e1cde6,0xc33707d6,0xf4d50d87,0x455a14ed,0xa9e3e905,0xfcefa3f8,0x676f02d9,0x8d2a4c8a,
	0xfffa3942,0x8771f681,0x6d9d6122,0xfde5380c,0xa4beea44,0x4bdecfa9,0xf6bb4b60,0xbebfbc70,
	0x289b7ec6,0xeaa127fa,0xd4ef3085,0x04881d05,0xd9d4d039,0xe6db99e5,0x1fa27cf8,0xc4ac5665,
	0xf4292244,0x432aff97,0xab9423a7,0xfc93a039,0x655b59c3,0x8f0ccc92,0xffeff47d,0x85845dd1,
	0x6fa87e4f,0xfe2ce6e0,0xa3014314,0x4e0811a1,0xf7537e82,0xbd3af235,0x2ad7d2bb,0xeb86d391 };
#define ROL(x, n) (((x) << (n)) | ((x) >> (32 - (n))))

static void md5_block(uint32_t st[4], const uint8_t *p)
{
	static const uint8_t R[4][4] = { {7,12,17,22}, {5,9,14,20}, {4,11,16,23}, {6,10,15,21} };
	uint32_t w[16], a = st[0], b = st[1], c = st[2], d = st[3], f, t;
	memcpy(w, p, 64);                       /* little-endian host */
#define STEP(F, G, r) f = (F) + a + K[i] + w[(G) & 15]; t = d; d = c; c = b; b += ROL(f, R[r][i & 3]); a = t
	int i = 0;
#pragma GCC unroll 16
	for (; i < 16; i++) { STEP((b & c) | (~b & d), i, 0); }
#pragma GCC unroll 16
	for (; i < 32; i++) { STEP((d & b) | (~d & c), 5 * i + 1, 1); }
#pragma GCC unroll 16
	for (; i < 48; i++) { STEP(b ^ c ^ d, 3 * i + 5, 2); }
#pragma GCC unroll 16
	for (; i < 64; i++) { STEP(c ^ (b | ~d), 7 * i, 3); }
	st[0] += a; st[1] += b; st[2] += c; st[3] += d;
}
static void md5_init(md5_t *m) { m->s[0]=0x67452301; m->s[1]=0xefcdab89; m->s[2]=0x98badcfe; m->s[3]=0x10325476; m->len=0; }
static void md5_update(md5_t *m, const void *data, size_t n)
{
	const uint8_t *p = data;
	size_t have = m->len & 63;
	m->len += n;
	if (have) {
		size_t take = 64 - have < n ? 64 - have : n;
		memcpy(m->buf + have, p, take); p += take; n -= take; have += take;
		if (have < 64) return;
		md5_block(m->s, m->buf);
	}
	for (; n >= 64; p += 64, n -= 64) md5_block(m->s, p);
	memcpy(m->buf, p, n);
}
static void md5_final(md5_t *m, uint8_t out[16])
{
	static const uint8_t pad[64] = { 0x80 };
	uint64_t bits = m->len * 8;
	size_t have = m->len & 63;
	md5_update(m, pad, have < 56 ? 56 - have : 120 - have);
	md5_update(m, &bits, 8);
	memcpy(out, m->s, 16);
}
static md5_t hm_in, hm_out;                     /* HMAC states after the key block */
static void hmac_key(const uint8_t *k, size_t n)
{
	uint8_t b[64] = {0};
	md5_t m;
	if (n > 64) { md5_init(&m); md5_update(&m, k, n); md5_final(&m, b); } else memcpy(b, k, n);
	for (int i = 0; i < 64; i++) b[i] ^= 0x36;
	md5_init(&hm_in); md5_update(&hm_in, b, 64);
	for (int i = 0; i < 64; i++) b[i] ^= 0x36 ^ 0x5c;
	md5_init(&hm_out); md5_update(&hm_out, b, 64);
}
static void hmac_fin(md5_t *m, uint8_t out[16])
{
	uint8_t d[16];
	md5_t o = hm_out;
	md5_final(m, d); md5_update(&o, d, 16); md5_final(&o, out);
}

/* -------------------------------------------------------------- state ---- */
#define MAXSOCK 256
#define BATCH 64
#define MAXPKT 1024
typedef struct { uint64_t sched, sent; uint8_t auth[16], live; } slot_t;
static slot_t slots[MAXSOCK][256];
static uint8_t freeq[MAXSOCK][256];             /* per socket FIFO of free ids */
static int freeh[MAXSOCK], freen[MAXSOCK], fds[MAXSOCK];
static struct { uint16_t s; uint8_t id; uint64_t sent; } *fifo;   /* in flight, oldest first */
static uint64_t fifo_h, fifo_t, fifo_mask;

static const char *host = "127.0.0.1", *secret = "testing123", *user = "alice", *pass = "secret1", *label = "";
static int nsock = 16, window = 64, is_acct, echo_mode, nusers, no_ma, with_sid;
static double rate; static uint64_t maxcount = 100000000, timeout_ns = 1000000000ull;
static size_t secret_len;
static uint64_t sent, rcvd, good, lost, late, badauth, badma, with_ma, by_code[64], bytes_in, eagain;
static uint32_t *lat; static uint64_t nlat, maxlat = 8000000;
static uint64_t rng = 88172645463325252ull;

static uint64_t rnd(void) { rng ^= rng << 13; rng ^= rng >> 7; rng ^= rng << 17; return rng; }
static uint64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }
static uint8_t *put(uint8_t *p, int type, const void *v, int n) { p[0] = type; p[1] = n + 2; memcpy(p + 2, v, n); return p + 2 + n; }
static uint8_t *put32(uint8_t *p, int type, uint32_t v) { v = htonl(v); return put(p, type, &v, 4); }

static int build(uint8_t *b, int s, int id)
{
	uint64_t r[2] = { rnd(), rnd() };
	char name[64], tmp[64];
	uint8_t *p = b + 20, *ma = NULL;
	md5_t m;

	b[0] = is_acct ? 4 : 1; b[1] = id;
	if (nusers) snprintf(name, sizeof name, "%s%05d", user, (int)(sent % nusers));
	else snprintf(name, sizeof name, "%s", user);
	p = put(p, 1, name, strlen(name));
	if (!is_acct) {
		uint8_t pw[128] = {0}, h[16];
		int n = strlen(pass), blk = (n + 15) / 16; if (!blk) blk = 1;
		memcpy(b + 4, r, 16); memcpy(pw, pass, n);
		for (int i = 0; i < blk; i++) {
			md5_init(&m); md5_update(&m, secret, secret_len);
			md5_update(&m, i ? pw + 16 * (i - 1) : b + 4, 16); md5_final(&m, h);
			for (int j = 0; j < 16; j++) pw[16 * i + j] ^= h[j];
		}
		p = put(p, 2, pw, 16 * blk);
	}
	p = put32(p, 4, 0x0a000001);                              /* NAS-IP-Address */
	p = put32(p, 5, 50000 + s);                               /* NAS-Port */
	p = put32(p, 61, 15);                                     /* NAS-Port-Type = Ethernet */
	p = put32(p, 6, 2);                                       /* Service-Type = Framed */
	p = put(p, 30, "00-11-22-33-44-55", 17);                  /* Called-Station-Id */
	/* without -A every request is another endpoint's, with -A each (socket, id) is one endpoint that comes again */
	snprintf(tmp, sizeof tmp, "02-00-00-%02X-%02X-%02X", s, id, with_sid ? 0 : (int)(sent & 255));
	p = put(p, 31, tmp, 17);                                  /* Calling-Station-Id */
	if (with_sid) {                                           /* Cisco-AVPair audit-session-id, as a switch sends it */
		int n = snprintf(tmp, sizeof tmp, "%c%c%c%c%c%caudit-session-id=0A000001%08X00A1B2C3", 0, 0, 0, 9, 1, 43, s << 8 | id);
		p = put(p, 26, tmp, n);
	}
	p = put(p, 32, "switch-1", 8);                            /* NAS-Identifier */
	if (is_acct) {
		p = put32(p, 40, 3);                              /* Acct-Status-Type = Interim-Update */
		snprintf(tmp, sizeof tmp, "%016llX", (unsigned long long)r[0]);
		p = put(p, 44, tmp, 16);                          /* Acct-Session-Id */
		p = put32(p, 45, 1);                              /* Acct-Authentic = RADIUS */
		p = put32(p, 8, 0x0a010000 + (uint32_t)(sent & 0xffff)); /* Framed-IP-Address */
		p = put32(p, 42, (uint32_t)r[1]); p = put32(p, 43, (uint32_t)(r[1] >> 32));
		p = put32(p, 46, 600); p = put32(p, 47, 4242); p = put32(p, 48, 2424);
		p = put32(p, 41, 0);
	} else if (!no_ma) {
		static const uint8_t z[16];
		ma = p + 2; p = put(p, 80, z, 16);
	}
	int n = p - b;
	b[2] = n >> 8; b[3] = n & 255;
	if (is_acct) {
		memset(b + 4, 0, 16);
		md5_init(&m); md5_update(&m, b, n); md5_update(&m, secret, secret_len); md5_final(&m, b + 4);
	} else if (ma) {
		m = hm_in; md5_update(&m, b, n); hmac_fin(&m, ma);
	}
	memcpy(slots[s][id].auth, b + 4, 16);
	return n;
}

static void check(int s, uint8_t *b, int n, uint64_t t)
{
	if (n < 20) { late++; return; }
	slot_t *q = &slots[s][b[1]];
	if (!q->live) { late++; return; }
	q->live = 0;
	freeq[s][(freeh[s] + freen[s]++) & 255] = b[1];
	rcvd++; bytes_in += n; by_code[b[0] & 63]++;
	if (nlat < maxlat) { uint64_t d = t - q->sched; lat[nlat++] = d > 0xffffffffu ? 0xffffffffu : d; }
	if (echo_mode) { good++; return; }
	int len = b[2] << 8 | b[3];
	uint8_t h[16], got[16];
	md5_t m;
	if (len != n) { badauth++; return; }
	memcpy(got, b + 4, 16); memcpy(b + 4, q->auth, 16);
	md5_init(&m); md5_update(&m, b, n); md5_update(&m, secret, secret_len); md5_final(&m, h);
	if (memcmp(h, got, 16)) { badauth++; return; }
	for (uint8_t *p = b + 20; p + 2 <= b + n && p[1] >= 2; p += p[1])
		if (p[0] == 80 && p[1] == 18) {
			with_ma++;
			memcpy(got, p + 2, 16); memset(p + 2, 0, 16);
			/* FreeRADIUS 3.2 and pyrad compute it over a zeroed authenticator in an Accounting-Response */
			if (is_acct) memset(b + 4, 0, 16);
			m = hm_in; md5_update(&m, b, n); hmac_fin(&m, h);
			if (memcmp(h, got, 16)) { badma++; return; }
			break;
		}
	good++;
}

static uint64_t cpu_ticks(const int *pids, int n, uint64_t *ut, uint64_t *st)
{
	*ut = *st = 0;
	for (int i = 0; i < n; i++) {
		char f[64], b[1024], *p; unsigned long long u, s;
		snprintf(f, sizeof f, "/proc/%d/stat", pids[i]);
		FILE *h = fopen(f, "r"); if (!h) continue;
		size_t k = fread(b, 1, sizeof b - 1, h); fclose(h); b[k] = 0;
		if ((p = strrchr(b, ')')) && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &u, &s) == 2) { *ut += u; *st += s; }
	}
	return *ut + *st;
}
static int cmp32(const void *a, const void *b) { uint32_t x = *(uint32_t *)a, y = *(uint32_t *)b; return x < y ? -1 : x > y; }
static double pct(double q) { return nlat ? lat[(uint64_t)(q * (nlat - 1))] / 1000.0 : 0; }

int main(int argc, char **argv)
{
	int o, port = 1812, pids[32], npid = 0; double dur = 5;
	while ((o = getopt(argc, argv, "H:p:S:u:w:n:W:d:c:r:t:aAEP:l:U:M")) != -1) switch (o) {
	case 'H': host = optarg; break;
	case 'p': port = atoi(optarg); break;   case 'S': secret = optarg; break;
	case 'u': user = optarg; break;         case 'w': pass = optarg; break;
	case 'n': nsock = atoi(optarg); break;  case 'W': window = atoi(optarg); break;
	case 'd': dur = atof(optarg); break;    case 'c': maxcount = strtoull(optarg, 0, 10); break;
	case 'r': rate = atof(optarg); break;   case 't': timeout_ns = atof(optarg) * 1e6; break;
	case 'A': with_sid = 1; break;
	case 'a': is_acct = 1; break;              case 'E': echo_mode = 1; break;
	case 'l': label = optarg; break;        case 'U': nusers = atoi(optarg); break;
	case 'M': no_ma = 1; break;
	case 'P': for (char *p = strtok(optarg, ","); p && npid < 32; p = strtok(NULL, ",")) pids[npid++] = atoi(p); break;
	default: fprintf(stderr, "see the header of radload.c\n"); return 2;
	}
	if (nsock < 1 || nsock > MAXSOCK || dur > 120 || window < 1 || strlen(pass) > 128) return 2;
	if (window > nsock * 256) window = nsock * 256;
	secret_len = strlen(secret); hmac_key((const uint8_t *)secret, secret_len);
	rng ^= now() * 0x9E3779B97F4A7C15ull; rng |= 1;
	lat = malloc(maxlat * sizeof *lat);
	fifo_mask = (1u << 17) - 1; fifo = calloc(fifo_mask + 1, sizeof *fifo);

	int ep = epoll_create1(0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	if (!inet_aton(host, &a.sin_addr) || ntohl(a.sin_addr.s_addr) >> 24 != 127) { fprintf(stderr, "-H takes a loopback address\n"); return 2; }
	for (int s = 0; s < nsock; s++) {
		int sz = 4 << 20;
		fds[s] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		setsockopt(fds[s], SOL_SOCKET, SO_RCVBUF, &sz, sizeof sz);
		if (fds[s] < 0 || connect(fds[s], (void *)&a, sizeof a)) { perror("socket"); return 1; }
		struct epoll_event ev = { .events = EPOLLIN, .data.u32 = s };
		epoll_ctl(ep, EPOLL_CTL_ADD, fds[s], &ev);
		freen[s] = 256; for (int i = 0; i < 256; i++) freeq[s][i] = i;
	}
	static uint8_t rb[BATCH][MAXPKT * 4], sb[BATCH][MAXPKT];
	static struct mmsghdr rm[BATCH], sm[BATCH]; static struct iovec ri[BATCH], si[BATCH];
	for (int i = 0; i < BATCH; i++) {
		ri[i] = (struct iovec){ rb[i], sizeof rb[i] }; rm[i].msg_hdr = (struct msghdr){ .msg_iov = &ri[i], .msg_iovlen = 1 };
		si[i] = (struct iovec){ sb[i], 0 };            sm[i].msg_hdr = (struct msghdr){ .msg_iov = &si[i], .msg_iovlen = 1 };
	}
	uint64_t u0, s0, u1, s1, c0, c1; struct rusage g0, g1;
	c0 = cpu_ticks(pids, npid, &u0, &s0); getrusage(RUSAGE_SELF, &g0);
	uint64_t t0 = now(), tend = t0 + dur * 1e9, tlast = t0, outstanding = 0; int rr = 0, stop = 0;
	double gap = rate > 0 ? 1e9 / rate : 0;

	for (;;) {
		uint64_t t = now();
		if (t >= tend || sent >= maxcount) stop = 1;
		/* time out the oldest */
		while (fifo_h != fifo_t) {
			__typeof__(fifo[0]) *f = &fifo[fifo_h & fifo_mask]; slot_t *q = &slots[f->s][f->id];
			if (q->live && q->sent == f->sent) {
				if (t - q->sent < timeout_ns) break;
				q->live = 0; lost++; outstanding--;
				freeq[f->s][(freeh[f->s] + freen[f->s]++) & 255] = f->id;
			}
			fifo_h++;
		}
		if (stop && (!outstanding || t > tend + timeout_ns)) break;
		/* how many may leave now */
		int64_t credit = 0;
		if (!stop) {
			credit = (int64_t)window - (int64_t)outstanding;
			if (rate > 0) {
				int64_t due = (int64_t)((t - t0) / gap) + 1 - (int64_t)sent;
				int64_t room = (int64_t)nsock * 256 - (int64_t)outstanding;
				credit = due < room ? due : room;
			}
			if (credit > (int64_t)(maxcount - sent)) credit = maxcount - sent;
		}
		for (int tries = 0; credit > 0 && tries < nsock; ) {
			int s = rr, n = 0; rr = (rr + 1) % nsock; tries++;
			int want = (credit + nsock - 1) / nsock; if (want > BATCH) want = BATCH;
			while (n < want && freen[s]) {
				int id = freeq[s][freeh[s]]; freeh[s] = (freeh[s] + 1) & 255; freen[s]--;
				si[n].iov_len = build(sb[n], s, id);
				slots[s][id].sched = rate > 0 ? t0 + (uint64_t)(sent * gap) : 0;
				n++; sent++;
			}
			if (!n) continue;
			uint64_t ts = now();
			for (int i = 0; i < n; i++) {
				slot_t *q = &slots[s][sb[i][1]];
				q->sent = ts; if (!q->sched) q->sched = ts; q->live = 1;
			}
			int k = sendmmsg(fds[s], sm, n, 0);
			if (k < 0) { if (errno == ECONNREFUSED) { fprintf(stderr, "refused\n"); return 1; } k = 0; }
			for (int i = 0; i < n; i++) {
				if (i < k) { fifo[fifo_t & fifo_mask].s = s; fifo[fifo_t & fifo_mask].id = sb[i][1]; fifo[fifo_t & fifo_mask].sent = ts; fifo_t++; outstanding++; credit--; }
				else { slots[s][sb[i][1]].live = 0; freeq[s][(freeh[s] + freen[s]++) & 255] = sb[i][1]; sent--; eagain++; }
			}
			tries = 0;
		}
		/* wait for replies or for the next departure */
		struct epoll_event ev[MAXSOCK]; struct timespec w = { 0, 20000000 };
		if (!stop && rate > 0) {
			double next = t0 + sent * gap; uint64_t n2 = now();
			uint64_t d = next > n2 ? (uint64_t)(next - n2) : 0;
			w.tv_nsec = d > 20000000 ? 20000000 : d;
		}
		int n = epoll_pwait2(ep, ev, nsock, &w, NULL);
		for (int i = 0; i < n; i++) {
			int s = ev[i].data.u32, k;
			do {
				k = recvmmsg(fds[s], rm, BATCH, MSG_DONTWAIT, NULL);
				uint64_t tr = now(); uint64_t before = rcvd;
				for (int j = 0; j < k; j++) check(s, rb[j], rm[j].msg_len, tr);
				outstanding -= rcvd - before; if (rcvd != before) tlast = tr;
			} while (k == BATCH);
		}
	}
	c1 = cpu_ticks(pids, npid, &u1, &s1); getrusage(RUSAGE_SELF, &g1);
	double el = ((tlast > tend ? tlast : now() < tend ? tlast : tend) - t0) / 1e9;
	double gen = (g1.ru_utime.tv_sec - g0.ru_utime.tv_sec) + (g1.ru_stime.tv_sec - g0.ru_stime.tv_sec) +
		     (g1.ru_utime.tv_usec - g0.ru_utime.tv_usec + g1.ru_stime.tv_usec - g0.ru_stime.tv_usec) / 1e6;
	qsort(lat, nlat, sizeof *lat, cmp32);
	printf("{\"label\":\"%s\",\"kind\":\"%s\",\"rps\":%.0f,\"secs\":%.2f,\"sent\":%llu,\"rcvd\":%llu,\"good\":%llu,\"lost\":%llu,\"late\":%llu,"
	       "\"badauth\":%llu,\"badma\":%llu,\"with_ma\":%llu,\"accept\":%llu,\"reject\":%llu,\"acctresp\":%llu,\"reply_bytes\":%llu,"
	       "\"p50_us\":%.0f,\"p90_us\":%.0f,\"p99_us\":%.0f,\"max_us\":%.0f,\"cpu_us_per_req\":%.2f,\"user_us\":%.2f,\"sys_us\":%.2f,\"srv_cpu\":%.2f,\"gen_cpu\":%.2f,"
	       "\"sockets\":%d,\"window\":%d,\"rate\":%.0f}\n",
	       label, is_acct ? "acct" : echo_mode ? "echo" : "auth", rcvd / el, el, (unsigned long long)sent, (unsigned long long)rcvd, (unsigned long long)good,
	       (unsigned long long)lost, (unsigned long long)late, (unsigned long long)badauth, (unsigned long long)badma, (unsigned long long)with_ma,
	       (unsigned long long)by_code[2], (unsigned long long)by_code[3], (unsigned long long)by_code[5], (unsigned long long)(rcvd ? bytes_in / rcvd : 0),
	       pct(.50), pct(.90), pct(.99), pct(1.0),
	       rcvd ? (double)(int64_t)(c1 - c0) * 1e4 / rcvd : 0, rcvd ? (double)(int64_t)(u1 - u0) * 1e4 / rcvd : 0,
	       rcvd ? (double)(int64_t)(s1 - s0) * 1e4 / rcvd : 0, (double)(int64_t)(c1 - c0) * 0.01 / el, gen / el,
	       nsock, window, rate);
	return 0;
}
