# A container of the scaled service: it says its name to each connection, and then sends back each line.
use IO::Socket::INET;
$SIG{CHLD} = 'IGNORE';
$SIG{TERM} = sub { exit };
my $listener = IO::Socket::INET->new(LocalPort => 8080, Listen => 100, ReuseAddr => 1) or die "port 8080: $!";
while (1) {
    my $client = $listener->accept or next;
    if (!fork) {
        $client->autoflush(1);
        print $client "$ENV{HOSTNAME}\n";
        while (my $line = <$client>) { print $client $line }
        exit;
    }
    close $client;
}
