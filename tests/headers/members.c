/* Names that a program has a right to: members, variables, macros, and functions of its own file. C and C++. */
struct file {
    int (*close)(struct file *file);
    int read, write, poll;
};

#define listen 7

static int poll(struct file *file) { return file->poll; }

static int really_close(struct file *file) { return file->read; }

int use(void);
int use(void) {
    struct file file = {really_close, 1, 2, 3};
    int accept = file.close(&file), select = poll(&file);
    return accept + select + listen + file.write;
}
