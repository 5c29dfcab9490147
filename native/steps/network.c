#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "descriptors.h"
#include "report.h"

/* The kernel gives lo its addresses when it comes up (netdevice(7)). */
int step_loopback_up(struct step_context *context, const struct value *values) {
  (void)values;
  cleanup_close int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0)
    return report(context, -errno, "lo");
  struct ifreq request = {.ifr_name = "lo"};
  if (ioctl(control, SIOCGIFFLAGS, &request) < 0)
    return report(context, -errno, "lo");
  request.ifr_flags |= IFF_UP;
  return ioctl(control, SIOCSIFFLAGS, &request) < 0 ? report(context, -errno, "lo") : 0;
}
