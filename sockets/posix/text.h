/* FILE streams over the numbers of this layer. */
#ifndef POSIX_TEXT_H
#define POSIX_TEXT_H

/* Gives its argument back, the result of a call that makes a number of the stack's. 0, 1 or 2: the C library's stream of that number
 * is from now on one over this layer's calls. Without the lock. */
int posix_text_standard(int fd);

/* Writes what FILE streams over sockets have buffered: the stack is about to go down. */
void posix_text_flush(void);

#endif
