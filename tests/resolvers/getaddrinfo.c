/* What the C library that this is linked with makes of a name, as one word.
 *   getaddrinfo any|4|6 NAME      addresses
 *   getaddrinfo QTYPE NAME        records, by res_search
 */
#define _GNU_SOURCE
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *addresses(const char *family, const char *name)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	hints.ai_family = *family == '4' ? AF_INET : *family == '6' ? AF_INET6 : AF_UNSPEC;
	switch (getaddrinfo(name, 0, &hints, &found)) {
	case 0: return found ? "found" : "nothing";
	case EAI_NONAME: return "noname";
	case EAI_AGAIN: return "again";
	case EAI_FAIL: return "failed";
#ifdef EAI_NODATA
	case EAI_NODATA: return "nodata";
#endif
#ifdef EAI_ADDRFAMILY
	case EAI_ADDRFAMILY: return "family";
#endif
	default: return "unexpected";
	}
}

static const char *records(int qtype, const char *name)
{
	unsigned char answer[65536];
	h_errno = NO_RECOVERY;
	if (res_search(name, 1, qtype, answer, sizeof answer) >= 0) return "found";
	switch (h_errno) {
	case HOST_NOT_FOUND: return "noname";
	case NO_DATA: return "nodata";
	case TRY_AGAIN: return "again";
	default: return "failed";
	}
}

int main(int argc, char **argv)
{
	if (argc != 3) return 2;
	int qtype = atoi(argv[1]);
	puts(qtype && qtype != 4 && qtype != 6 ? records(qtype, argv[2]) : addresses(argv[1], argv[2]));
}
