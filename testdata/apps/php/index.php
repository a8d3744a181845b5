<?php
// For PHP's built-in server: php -S 127.0.0.1:8000 -t .
// SERVER_PORT is the listening socket's there; the port that the browser sees is in HTTP_HOST.
declare(strict_types=1);

$port = (int) $_SERVER['SERVER_PORT'];
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
header('Cache-Control: no-store');

if ($path === '/state') {
    header('Content-Type: application/json');
    echo json_encode(['port' => $port, 'pid' => getmypid(), 'host' => $_SERVER['HTTP_HOST'] ?? '']), "\n";
    return;
}
if ($path !== '/' && $path !== '/index.php') {
    http_response_code(404);
    echo "no such page\n";
    return;
}
?>
<!doctype html>
<html lang="en">
<title><?= $port ?></title>
<h1 id="port" style="font:800 30vw system-ui;margin:0"><?= $port ?></h1>
<p>PHP, pid <span id="pid"><?= getmypid() ?></span></p>
</html>
