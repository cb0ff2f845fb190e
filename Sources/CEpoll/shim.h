// Linux's readiness interface (epoll(7), eventfd(2)), which Swift's Glibc module leaves out.
#include <sys/epoll.h>
#include <sys/eventfd.h>
