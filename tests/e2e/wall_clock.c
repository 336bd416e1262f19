/* Preloaded, this sets a process's wall clock ahead by as many seconds as the file WALL_CLOCK says at that moment. All
   other clocks go on as they do. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long *ahead;

__attribute__((constructor)) static void look(void)
{
	const char *path = getenv("WALL_CLOCK");
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *page = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, file, 0);

	if (page == MAP_FAILED)
		abort();
	close(file);
	ahead = page;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	int failed = syscall(SYS_clock_gettime, clock, time);

	if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		time->tv_sec += *ahead;
	return failed;
}

int gettimeofday(struct timeval *time, void *zone)
{
	int failed = syscall(SYS_gettimeofday, time, zone);

	if (!failed)
		time->tv_sec += *ahead;
	return failed;
}

time_t time(time_t *time)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (time)
		*time = now.tv_sec;
	return now.tv_sec;
}
