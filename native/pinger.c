/* The watch of a guest: one thread that answers the host without the interpreter's lock, and ends the process group with the host. */

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { token_bytes = 8, stack_bytes = 65536 };

/* A real-time signal, so that no library uses it for something else; taken from the end, since runtimes take from the start. */
static int death_signal(void) { return SIGRTMAX - 2; }

/* What handlers have started runs in the same group and must not outlive the host either. */
static void end_group(int signal_number) {
  (void)signal_number;
  if (getpgrp() == getpid()) kill(0, SIGKILL);
  _exit(1);
}

static void *answer(void *argument) {
  const int descriptor = (int)(intptr_t)argument;
  unsigned char token[token_bytes];
  size_t filled = 0;
  for (;;) {
    const ssize_t read_bytes = recv(descriptor, token + filled, sizeof token - filled, 0);
    if (read_bytes < 0 && (errno == EINTR || errno == EAGAIN)) {
      /* Somebody may have made the socket non-blocking: that is no end of file. */
      struct pollfd readable = {.fd = descriptor, .events = POLLIN};
      poll(&readable, 1, -1);
      continue;
    }
    if (read_bytes <= 0) break;
    filled += (size_t)read_bytes;
    if (filled < sizeof token) continue;
    filled = 0;
    if (send(descriptor, token, sizeof token, MSG_NOSIGNAL) < 0 && errno != EINTR && errno != EAGAIN) break;
  }
  end_group(0);
  return NULL;
}

static int start_thread(int descriptor) {
  pthread_attr_t attributes;
  int problem = pthread_attr_init(&attributes);
  if (problem != 0) return problem;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, stack_bytes);

  /* The thread inherits the mask: signals of the interpreter are not for it, only the host's death is. */
  sigset_t all_but_death, before;
  sigfillset(&all_but_death);
  sigdelset(&all_but_death, death_signal());
  pthread_sigmask(SIG_SETMASK, &all_but_death, &before);
  pthread_t thread;
  problem = pthread_create(&thread, &attributes, answer, (void *)(intptr_t)descriptor);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return problem;
}

/* Watches a stream socket whose other end the host holds. Returns 0, or an errno; then nothing has been started. */
__attribute__((visibility("default"))) int stephost_watch(int descriptor) {
  struct sigaction action = {.sa_handler = end_group};
  sigemptyset(&action.sa_mask);
  if (sigaction(death_signal(), &action, NULL) != 0) return errno;
  if (prctl(PR_SET_PDEATHSIG, death_signal()) != 0) return errno;
  return start_thread(descriptor);
}
